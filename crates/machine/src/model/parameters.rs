//! What a modelled machine looks like, in numbers.

use std::ops::Range;

/// Time in the model, in picoseconds.
pub type Ps = u64;

/// How far two agents are from each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Distance {
    /// The same cluster: a CCX, a tile, or the whole socket where it has but one.
    Cluster,
    /// Another cluster of the socket.
    Socket,
    /// Another socket, one hop away.
    Hop,
    /// A socket of another group, two hops away.
    TwoHops,
}

impl Distance {
    /// All, near to far: the order of a [`Latencies`] row.
    pub const ALL: [Self; 4] = [Self::Cluster, Self::Socket, Self::Hop, Self::TwoHops];
}

/// Latencies by distance, in picoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latencies(pub [Ps; 4]);

impl Latencies {
    /// That of one distance.
    #[inline]
    pub fn at(&self, distance: Distance) -> Ps {
        self.0[distance as usize]
    }
}

/// Sockets, clusters and cores of a machine. Agents are numbered socket by socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Sockets.
    pub sockets: u16,
    /// Sockets of a group that is one hop wide; all of them where there is one group.
    pub sockets_per_group: u16,
    /// Cores of a socket.
    pub cores_per_socket: u16,
    /// Cores that share a cluster.
    pub cluster_cores: u16,
    /// Hardware threads of a core.
    pub smt: u16,
}

impl Shape {
    /// Cores of the machine: each is an agent.
    pub fn agents(&self) -> usize {
        usize::from(self.sockets) * usize::from(self.cores_per_socket)
    }

    /// Hardware threads of the machine.
    pub fn hardware_threads(&self) -> usize {
        self.agents() * usize::from(self.smt)
    }

    /// Whether all cores of a socket are one cluster.
    #[inline]
    fn is_one_cluster(&self) -> bool {
        self.cluster_cores >= self.cores_per_socket
    }

    /// The socket of an agent.
    #[inline]
    pub fn socket(&self, agent: u16) -> u16 {
        agent / self.cores_per_socket
    }

    /// The cluster of an agent, unique in the machine.
    #[inline]
    pub fn cluster(&self, agent: u16) -> u16 {
        let per_socket = self.cores_per_socket.div_ceil(self.cluster_cores);
        let (socket, core) = (agent / self.cores_per_socket, agent % self.cores_per_socket);
        socket * per_socket + core / self.cluster_cores
    }

    /// The agents of an agent's cluster, socket, and group of sockets.
    pub fn neighbours(&self, agent: u16) -> [Range<u16>; 3] {
        let (cores, socket) = (self.cores_per_socket, self.socket(agent));
        let first = socket * cores;
        let cluster = first + (agent - first) / self.cluster_cores * self.cluster_cores;
        let group = socket / self.sockets_per_group * self.sockets_per_group * cores;
        [
            cluster..(cluster + self.cluster_cores).min(first + cores),
            first..first + cores,
            group..group + self.sockets_per_group * cores,
        ]
    }

    /// How far two different agents are from each other.
    #[inline]
    pub fn distance(&self, a: u16, b: u16) -> Distance {
        let (socket, other) = (self.socket(a), self.socket(b));
        let first = socket * self.cores_per_socket;
        let cluster = |agent: u16| (agent - first) / self.cluster_cores;
        if socket == other && (self.is_one_cluster() || cluster(a) == cluster(b)) {
            return Distance::Cluster;
        }
        self.between_sockets(socket, other)
    }

    /// How far memory or a core of one socket is from another's.
    #[inline]
    pub fn between_sockets(&self, a: u16, b: u16) -> Distance {
        match () {
            () if a == b => Distance::Socket,
            () if a / self.sockets_per_group == b / self.sockets_per_group => Distance::Hop,
            () => Distance::TwoHops,
        }
    }
}

/// Cores among which a busy line is handed on before others get it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arbitration {
    /// The socket (Intel).
    Socket,
    /// The cluster (AMD: a CCX).
    Cluster,
    /// The whole chip (one mesh with one point of coherence).
    Chip,
}

/// Atomics that are done at the home of a line (Arm LSE, fetch operations only).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FarAtomics {
    /// Until the core has its answer.
    pub latency_ps: Ps,
    /// Until the line can take the next.
    pub occupancy_ps: Ps,
}

/// Private work, which no line is needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkTimes {
    /// A fault's exception, its return, and all that the simulated kernel leaves out.
    pub trap_ps: Ps,
    /// Entering and leaving an RCU read section.
    pub read_section_ps: Ps,
    /// Clearing a page, alone on the socket.
    pub clear_page_ps: Ps,
    /// Copying a page, alone on the socket.
    pub copy_page_ps: Ps,
    /// A turn of a spin loop (`pause`, `isb`).
    pub relax_ps: Ps,
    /// From a wake-up to the sleeper's first instruction.
    pub wake_ps: Ps,
}

/// What it costs to make all other cores forget their translations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShootdownTimes {
    /// From the first interrupt to the last answer, beside what each core adds.
    pub round_trip_ps: Ps,
    /// For each core that is interrupted, at the one that interrupts.
    pub each_ps: Ps,
    /// What a core loses that is interrupted.
    pub interrupted_ps: Ps,
}

/// A machine of the model. Each number has its source in `machines/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameters {
    /// Sockets, clusters and cores.
    pub shape: Shape,
    /// A load that hits the own cache.
    pub load_hit_ps: Ps,
    /// A read-modify-write that hits the own cache.
    pub rmw_hit_ps: Ps,
    /// What a plain store costs the core, ownership or not: it goes to the store buffer.
    pub store_ps: Ps,
    /// A write of a line that another agent has modified.
    pub write_modified: Latencies,
    /// A load of a line that another agent has modified.
    pub read_modified: Latencies,
    /// A load of a line of which others have clean copies.
    pub read_shared: Latencies,
    /// A write by a sharer while others have copies.
    pub upgrade: Latencies,
    /// A line that is at its home, in the last-level cache.
    pub last_level_ps: Ps,
    /// Memory of the own socket, of another, and of one two hops away.
    pub memory: [Ps; 3],
    /// Added where a modified line is read and its home is not the owner's socket.
    pub home_extra_ps: Ps,
    /// In place of [`Distance::Socket`], where the line's home is another socket.
    pub home_remote_socket_ps: Option<Ps>,
    /// Fetch operations at the line's home, where the machine has them.
    pub far_atomics: Option<FarAtomics>,
    /// Time for each copy that a write invalidates.
    pub invalidate_each_ps: Ps,
    /// How long a line is busy with a load of a clean copy.
    pub read_occupancy_ps: Ps,
    /// Accesses that an owner completes while others wait.
    pub reuse_k: u16,
    /// Grants kept among neighbours while others wait.
    pub local_batch: u16,
    /// Who is a neighbour.
    pub arbitration: Arbitration,
    /// Share of a miss, in 1/1000, until the request reaches the line's home.
    pub request_share_permille: u64,
    /// Until a spinning core notices that it may go on.
    pub spin_exit_ps: Ps,
    /// An independent load of the line of the last locked operation is done along with it.
    pub hoist_loads: bool,
    /// An access joins the core's own request for its line, as a prefetch.
    pub merge_own_requests: bool,
    /// Lines are fetched in pairs.
    pub adjacent_pairs: bool,
    /// Bytes that a socket's memory takes in a microsecond; 0: without limit.
    pub memory_bytes_per_us: u64,
    /// Shootdowns of translations.
    pub shootdown: ShootdownTimes,
    /// Private work.
    pub work: WorkTimes,
    /// Private work and hits of a core whose sibling storms too, in 1/1000 of what they
    /// take alone; 1000: siblings do not slow each other.
    pub smt_slowdown_permille: u64,
}

impl Parameters {
    /// The machine as a core has it whose sibling storms too: what its own core does takes
    /// longer. What comes from elsewhere (lines, memory, sleep) does not.
    pub fn beside_sibling(&self) -> Self {
        let slowed = |ps: Ps| ps * self.smt_slowdown_permille / 1000;
        Self {
            load_hit_ps: slowed(self.load_hit_ps),
            rmw_hit_ps: slowed(self.rmw_hit_ps),
            store_ps: slowed(self.store_ps),
            work: WorkTimes {
                trap_ps: slowed(self.work.trap_ps),
                read_section_ps: slowed(self.work.read_section_ps),
                clear_page_ps: slowed(self.work.clear_page_ps),
                copy_page_ps: slowed(self.work.copy_page_ps),
                ..self.work
            },
            ..*self
        }
    }

    /// The part of a miss until its request reaches the line.
    #[inline]
    pub fn request_leg(&self, latency_ps: Ps) -> Ps {
        latency_ps * self.request_share_permille / 1000
    }

    /// How far one core may be ahead of others and no request of theirs can have an effect
    /// before it: the shortest request leg.
    pub fn lookahead_ps(&self) -> Ps {
        let rows = [self.write_modified, self.read_modified, self.read_shared, self.upgrade];
        let misses = rows.iter().flat_map(|row| row.0).chain(self.memory);
        let far = self.far_atomics.map(|far| far.latency_ps.min(self.last_level_ps));
        let shortest = misses.chain(far).chain(self.home_remote_socket_ps).min();
        self.request_leg(shortest.expect("there are latencies")).min(self.work.wake_ps)
    }

    /// Number of the group in which a busy line is handed on first.
    #[inline]
    pub fn domain(&self, agent: u16) -> u16 {
        match self.arbitration {
            Arbitration::Socket => self.shape.socket(agent),
            Arbitration::Cluster => self.shape.cluster(agent),
            Arbitration::Chip => 0,
        }
    }
}

//! A modelled machine in numbers.

use std::ops::Range;

/// Time in the model, in picoseconds.
pub type Ps = u64;

/// Distance of two agents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Distance {
    /// The same cluster: a CCX, a tile, or the whole socket if it has only one.
    Cluster,
    /// Another cluster of the socket.
    Socket,
    /// Another socket, one hop away.
    Hop,
    /// A socket of another group, two hops away.
    TwoHops,
}

impl Distance {
    /// All distances, near to far: the order of a [`Latencies`] row.
    pub const ALL: [Self; 4] = [Self::Cluster, Self::Socket, Self::Hop, Self::TwoHops];
}

/// Latencies by distance, in picoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latencies(pub [Ps; 4]);

impl Latencies {
    /// Returns the latency at one distance.
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
    /// Sockets in a group that is one hop wide; all sockets if there is one group.
    pub sockets_per_group: u16,
    /// Cores per socket.
    pub cores_per_socket: u16,
    /// Cores per cluster.
    pub cluster_cores: u16,
    /// Hardware threads per core.
    pub smt: u16,
}

impl Shape {
    /// Returns the number of cores of the machine: each is an agent.
    pub fn agents(&self) -> usize {
        usize::from(self.sockets) * usize::from(self.cores_per_socket)
    }

    /// Returns the number of hardware threads of the machine.
    pub fn hardware_threads(&self) -> usize {
        self.agents() * usize::from(self.smt)
    }

    /// True if all cores of a socket are one cluster.
    #[inline]
    fn is_one_cluster(&self) -> bool {
        self.cluster_cores >= self.cores_per_socket
    }

    /// Returns the socket of an agent.
    #[inline]
    pub fn socket(&self, agent: u16) -> u16 {
        agent / self.cores_per_socket
    }

    /// Returns the cluster of an agent, unique in the machine.
    #[inline]
    pub fn cluster(&self, agent: u16) -> u16 {
        let per_socket = self.cores_per_socket.div_ceil(self.cluster_cores);
        let (socket, core) = (agent / self.cores_per_socket, agent % self.cores_per_socket);
        socket * per_socket + core / self.cluster_cores
    }

    /// Returns the agents of an agent's cluster, socket, and group of sockets.
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

    /// Returns the distance of two different agents.
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

    /// Returns the distance of memory or a core on one socket from another socket.
    #[inline]
    pub fn between_sockets(&self, a: u16, b: u16) -> Distance {
        match () {
            () if a == b => Distance::Socket,
            () if a / self.sockets_per_group == b / self.sockets_per_group => Distance::Hop,
            () => Distance::TwoHops,
        }
    }
}

/// Cores among which a busy line is passed before others get it.
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
    /// Time until the core has its answer.
    pub latency_ps: Ps,
    /// Time until the line can take the next operation.
    pub occupancy_ps: Ps,
}

/// Times of private work, which needs no line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkTimes {
    /// A fault's exception, its return, and all work that the simulated kernel omits.
    pub trap_ps: Ps,
    /// Entering and leaving an RCU read section.
    pub read_section_ps: Ps,
    /// Clearing a page, alone on the socket.
    pub clear_page_ps: Ps,
    /// Copying a page, alone on the socket.
    pub copy_page_ps: Ps,
    /// A turn of a spin loop (`pause`, `isb`).
    pub relax_ps: Ps,
    /// Time from a wake-up to the sleeper's first instruction.
    pub wake_ps: Ps,
}

/// Method of a core to make others drop their translations without interrupts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broadcast {
    /// None.
    None,
    /// Always used (Arm: TLBI of the inner-shareable domain, and DSB).
    Tlbi,
    /// Used if the kernel supports it (AMD: INVLPGB and TLBSYNC).
    Invlpgb,
}

/// Costs of making all other cores drop their translations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShootdownTimes {
    /// Time from the first interrupt to the last answer, without the time per core.
    pub round_trip_ps: Ps,
    /// Time per interrupted core, at the core that interrupts.
    pub each_ps: Ps,
    /// Time that an interrupted core loses.
    pub interrupted_ps: Ps,
    /// Shootdown by an instruction, without interrupts.
    pub broadcast: Broadcast,
    /// Time of a shootdown by that instruction.
    pub broadcast_ps: Ps,
}

/// A machine of the model. Each number has its source in `machines/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameters {
    /// Sockets, clusters and cores.
    pub shape: Shape,
    /// Time of a load that hits the own cache.
    pub load_hit_ps: Ps,
    /// Time of a read-modify-write that hits the own cache.
    pub rmw_hit_ps: Ps,
    /// Time of a plain store for the core, with or without ownership: it goes to the store buffer.
    pub store_ps: Ps,
    /// A write of a line that another agent has modified.
    pub write_modified: Latencies,
    /// A load of a line that another agent has modified.
    pub read_modified: Latencies,
    /// A load of a line of which others have clean copies.
    pub read_shared: Latencies,
    /// A write by a sharer while others have copies.
    pub upgrade: Latencies,
    /// Latency of a line at its home, in the last-level cache.
    pub last_level_ps: Ps,
    /// Latency of memory: own socket, one hop, two hops.
    pub memory: [Ps; 3],
    /// Additional latency of a read of a modified line whose home is not the owner's socket.
    pub home_extra_ps: Ps,
    /// Latency instead of [`Distance::Socket`] if the line's home is another socket.
    pub home_remote_socket_ps: Option<Ps>,
    /// Fetch operations at the line's home, if the machine has them.
    pub far_atomics: Option<FarAtomics>,
    /// Time for each copy that a write invalidates.
    pub invalidate_each_ps: Ps,
    /// Time that a load of a clean copy keeps the line busy.
    pub read_occupancy_ps: Ps,
    /// Grants kept within a domain while others wait.
    pub local_batch: u8,
    /// Domain: cores among which a line is handed on first, and that fetch copies for each other.
    pub arbitration: Arbitration,
    /// Share of a miss until the request reaches the line's home, in 1/1000; the same time passes
    /// until the next request takes the line away again.
    pub request_share_permille: u64,
    /// Time lost after a compare-exchange whose outcome the core has not predicted.
    pub mispredict_ps: Ps,
    /// Time until a spinning core notices that it may continue.
    pub spin_exit_ps: Ps,
    /// True if an independent load from the line of the last locked operation is done along with
    /// that operation.
    pub hoist_loads: bool,
    /// True if an access joins the core's own request for its line, such as a prefetch.
    pub merge_own_requests: bool,
    /// True if lines are fetched in pairs.
    pub adjacent_pairs: bool,
    /// Memory bandwidth of a socket, in bytes per microsecond; 0: no limit.
    pub memory_bytes_per_us: u64,
    /// Shootdowns of translations.
    pub shootdown: ShootdownTimes,
    /// Private work.
    pub work: WorkTimes,
    /// Time of private work and hits beside a storming sibling, in 1/1000 of the time alone; 1000:
    /// siblings do not slow each other.
    pub smt_slowdown_permille: u64,
}

impl Parameters {
    /// Returns the machine as seen by a core whose sibling storms too: times inside its core are
    /// longer. Times from outside (lines, memory, sleep) are not.
    pub fn beside_sibling(&self) -> Self {
        let slowed = |ps: Ps| ps * self.smt_slowdown_permille / 1000;
        Self {
            load_hit_ps: slowed(self.load_hit_ps),
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

    /// Returns the part of a miss until its request reaches the line.
    #[inline]
    pub fn request_leg(&self, latency_ps: Ps) -> Ps {
        latency_ps * self.request_share_permille / 1000
    }

    /// Returns how long a core keeps a line that others wait for, after the access that it was
    /// granted for and that missed by `latency_ps`: its share of that, from nothing to twice the
    /// mean.
    #[inline]
    pub fn tenure_ps(&self, latency_ps: Ps, grants: u8) -> Ps {
        // Multiples of the golden ratio, modulo 1, are spread evenly however many there are.
        let spread = Ps::from(grants.wrapping_mul(158));
        (self.request_leg(latency_ps) * spread) >> 7
    }

    /// Returns how far one core may be ahead of others so that no request of theirs can take effect
    /// before its own action: the shortest request leg.
    pub fn lookahead_ps(&self) -> Ps {
        let writes = [self.write_modified, self.upgrade].into_iter().flat_map(|row| row.0);
        let writes = writes.map(|ps| ps.saturating_sub(self.rmw_hit_ps));
        let reads = [self.read_modified, self.read_shared].into_iter().flat_map(|row| row.0);
        let misses = writes.chain(reads).chain(self.memory);
        let far = self.far_atomics.map(|far| far.latency_ps.min(self.last_level_ps));
        let shortest = misses.chain(far).chain(self.home_remote_socket_ps).min();
        self.request_leg(shortest.expect("there are latencies")).min(self.work.wake_ps)
    }

    /// Returns the agents of an agent's domain.
    pub fn domain_agents(&self, agent: u16) -> Range<u16> {
        let [cluster, socket, _] = self.shape.neighbours(agent);
        match self.arbitration {
            Arbitration::Socket => socket,
            Arbitration::Cluster => cluster,
            Arbitration::Chip => 0..self.shape.agents() as u16,
        }
    }

    /// Returns the number of the domain whose cores fetch a copy for each other.
    #[inline]
    pub fn domain(&self, agent: u16) -> u16 {
        match self.arbitration {
            Arbitration::Socket => self.shape.socket(agent),
            Arbitration::Cluster => self.shape.cluster(agent),
            Arbitration::Chip => 0,
        }
    }
}

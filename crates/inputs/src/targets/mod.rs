//! Files of targets: published figures that the model is compared with.
//!
//! `written` has the tables as TOML has them, `read` and `curve` check them, `loops` lists the
//! loops on lines that a file can name in place of a strategy, `unit` the units of figures.

mod curve;
mod loops;
mod read;
mod shipped;
mod unit;
mod written;

pub use loops::{Loop, LoopKind};
pub use read::KnownStrategies;
pub use shipped::shipped;
pub use unit::Unit;

use crate::diag::Diagnostics;
use crate::machines::MachineFile;
use crate::machines::vary::{Settings, varied};
use ::workload::Workload;
use host::placement::Placement;
use mm::kernel::Kernel;

/// Figures of one source, and how the model is asked for them.
#[derive(Clone)]
pub struct TargetFile {
    /// The file's stem.
    pub name: String,
    /// The subject, in one line.
    pub summary: String,
    /// Source of the figures.
    pub source: String,
    /// What a reader should know of them.
    pub note: Option<String>,
    /// The machine of the model, without the changes of the file.
    pub own_machine: MachineFile,
    /// Changes of the machine, as `--vary` has them.
    pub changes: Settings,
    /// The machine that was measured, if that of the model is only its nearest kin.
    pub kin_of: Option<String>,
    /// True if numbers of the machine were chosen by these figures too, which then show only that
    /// the rules of the model can be right.
    pub calibrated: bool,
    /// Digest of the text.
    pub digest: String,
    /// The workload of curves of strategies.
    pub workload: Option<Workload>,
    /// The kernel that all strategies stand in; each in its own if there is none.
    pub kernel: Option<&'static Kernel>,
    /// Faults per second at one thread that the private work of a fault is fitted to, by the
    /// first curve; `None`: nothing is fitted.
    pub fit: Option<f64>,
    /// The curves.
    pub curves: Vec<Curve>,
}

/// A published curve.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Its name in the file.
    pub name: String,
    /// What was measured.
    pub subject: Subject,
    /// Places of its threads.
    pub placement: Placement,
    /// The unit of the figures in the source.
    pub unit: Unit,
    /// What the figures of the points are compared with.
    pub compare: Compare,
    /// The points.
    pub points: Vec<Point>,
    /// False if other curves are only compared with it.
    pub is_judged: bool,
}

/// The subject of a measurement.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// The workload of the file under this strategy: `NAME`, `NAME:VARIANT` or `NAME:KERNEL`.
    Strategy(String),
    /// A loop on lines.
    Loop(Loop),
}

/// A form of comparison.
#[derive(Debug, Clone, PartialEq)]
pub enum Compare {
    /// The figure itself, in the unit of the curve.
    Absolute,
    /// The figure over that of another subject with as many threads.
    Ratio {
        /// The other subject.
        to: Subject,
        /// Its name.
        name: String,
        /// Places of its threads.
        placement: Placement,
    },
    /// The figure over the curve's own at one thread.
    SpeedUp,
}

/// A published figure, in the form in which it is compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Threads; writers of a loop come in addition.
    pub threads: usize,
    /// The figure.
    pub published: f64,
    /// Largest error that hits it, as a share of the figure.
    pub tolerance: f64,
}

impl TargetFile {
    /// Finds a file: the name of a shipped one, or a path, which has a `/` or ends in `.toml`.
    ///
    /// # Errors
    ///
    /// No shipped file has the name, or the file cannot be read, or every mistake of it.
    pub fn find(name_or_path: &str, known: KnownStrategies<'_>) -> Result<Self, Diagnostics> {
        let found = shipped::TARGETS.find(name_or_path)?;
        Self::parse(&found.name, &found.path_shown, &found.text, known)
    }

    /// Reads the text of a file. Diagnostics show `path_shown`.
    ///
    /// # Errors
    ///
    /// Every mistake of the text.
    pub fn parse(
        name: &str,
        path_shown: &str,
        text: &str,
        known: KnownStrategies<'_>,
    ) -> Result<Self, Diagnostics> {
        read::file(name, text, known)
            .map_err(|mistakes| Diagnostics::new(path_shown, text, mistakes))
    }

    /// Returns the machine with the changes of the file.
    pub fn machine(&self) -> MachineFile {
        self.changed(&self.own_machine)
    }

    /// Returns another machine with the changes of the file.
    pub fn changed(&self, machine: &MachineFile) -> MachineFile {
        let parameters = varied(&machine.parameters, &self.changes);
        MachineFile { parameters, ..machine.clone() }
    }

    /// Returns how the figures of a curve are read: their unit, or what they are a ratio to.
    pub fn measure(curve: &Curve) -> String {
        match &curve.compare {
            Compare::Absolute => curve.unit.name().to_owned(),
            Compare::Ratio { name, .. } => format!("x of {name}"),
            Compare::SpeedUp => "x of one thread".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "summary = \"s\"\nsource = \"p\"\nmachine = \"xeon-icelake-2s\"\n\
         workload = \"huge-anon\"\nunit = \"faults/s\"\ntolerance = 0.25\nthreads = [1, 2]\n\
         fit = \"one-thread\"\n\
         [[curve]]\nstrategy = \"mmap-lock\"\npublished = [10, 16]\n\
         [[curve]]\nstrategy = \"unlocked\"\npublished = [10, 20]\n";

    fn parse(text: &str) -> Result<TargetFile, Diagnostics> {
        let names = ["mmap-lock", "unlocked", "speculative"];
        let has = |name: &str| names.contains(&name);
        TargetFile::parse("x", "x.toml", text, KnownStrategies { names: &names, has: &has })
    }

    fn with(from: &str, to: &str) -> Result<TargetFile, Diagnostics> {
        let text = TEXT.replacen(from, to, 1);
        assert_ne!(text, TEXT, "{from}");
        parse(&text)
    }

    fn published(curve: &Curve) -> Vec<f64> {
        curve.points.iter().map(|point| point.published).collect()
    }

    #[test]
    fn figures_are_in_the_form_in_which_they_are_compared() {
        let file = parse(TEXT).unwrap();
        assert_eq!((file.fit, file.curves.len()), (Some(10.0), 2));
        assert_eq!(published(&file.curves[1]), [10.0, 20.0]);
        assert_eq!(file.curves[1].points[1].tolerance, 0.25);
        let file = with("fit = \"one-thread\"", "compare = \"ratio\"\nto = \"mmap-lock\"").unwrap();
        assert_eq!(published(&file.curves[1]), [1.0, 1.25]);
        assert!(!file.curves[0].is_judged && file.curves[1].is_judged);
        let file = with("fit = \"one-thread\"", "compare = \"speed-up\"").unwrap();
        assert_eq!(published(&file.curves[0]), [1.6], "one thread is no speed-up");
        let file = with("summary", "vary = { upgrade-ns = 2 }\nsummary").unwrap();
        let (own, varied) = (file.own_machine.parameters, file.machine().parameters);
        assert_eq!(varied.upgrade.0[1], 2 * own.upgrade.0[1]);
    }

    #[test]
    fn a_ratio_may_be_to_what_has_no_curve() {
        let to = "unit = \"x\"\ncompare = \"ratio\"\nto = \"speculative\"\npublished = [10, 20]";
        let curve = with("published = [10, 20]", to).unwrap().curves.remove(1);
        assert_eq!(published(&curve), [10.0, 20.0]);
        assert_eq!(TargetFile::measure(&curve), "x of speculative");
    }

    #[test]
    fn loops_take_their_body_from_the_file_or_the_curve() {
        let text = TEXT.replacen("fit = \"one-thread\"", "critical-ns = 100", 1);
        let text = text.replacen("strategy = \"mmap-lock\"", "loop = \"inc-dec\"", 1);
        let last = "loop = \"seqcount-read\"\nparallel-ns = 5\nwriters = 1";
        let file = parse(&text.replacen("strategy = \"unlocked\"", last, 1)).unwrap();
        let names: Vec<&str> = file.curves.iter().map(|curve| curve.name.as_str()).collect();
        assert_eq!(names, ["inc-dec 100/0 ns", "seqcount-read 100/5 ns, a writer"]);
    }

    #[test]
    fn every_mistake_says_what_would_be_right() {
        for (from, to, said) in [
            ("mmap-lock\"\n", "mmaplock\"\n", "did you mean \"mmap-lock\"?"),
            ("strategy = \"mmap-lock\"", "loop = \"incdec\"", "did you mean \"inc-dec\"?"),
            ("strategy = \"mmap-lock\"", "loop = \"inc-dec\"\nstrategy = \"x\"", "keep one of"),
            ("strategy = \"mmap-lock\"", "", "has no `strategy` and no `loop`"),
            ("strategy = \"unlocked\"", "strategy = \"mmap-lock\"", "give one a `name`"),
            ("strategy = \"unlocked\"", "writers = 1\nloop = \"inc-dec\"", "has no writers"),
            ("[10, 16]", "[10]", "has 1 figures for 2 numbers of threads"),
            ("[10, 16]", "[10, 0]", "are figures above 0"),
            ("[1, 2]", "[2, 1]", "`threads` do not grow"),
            ("[1, 2]", "[1, 200]", "200 threads are more than \"xeon-icelake-2s\" has"),
            ("[1, 2]", "[2, 3]", "`fit` needs a first curve of a strategy with one thread"),
            ("0.25", "[0.25]", "has 1 shares for 2 figures"),
            ("0.25", "0", "is a share above 0"),
            ("0.25", "\"a quarter\"", "expected a share such as 0.25"),
            ("faults/s", "faults", "unknown `unit` \"faults\""),
            ("faults/s", "x", "is a ratio to something"),
            ("fit = \"one-thread\"", "compare = \"ratio\"", "a ratio to nothing"),
            ("fit = \"one-thread\"", "compare = \"ratio\"\nto = \"unlock\"", "no curve \"unlock\""),
            ("fit = \"one-thread\"", "placement = \"spread\"", "is not a placement"),
            ("fit = \"one-thread\"", "vary = { upgrade = 2 }", "cannot be varied"),
            ("fit = \"one-thread\"", "kernel = \"6.3\"", "there is no kernel \"6.3\""),
            ("xeon-icelake-2s", "xeon-icelake", "did you mean \"xeon-icelake-2s\"?"),
            ("workload = \"huge-anon\"\n", "", "has no workload"),
            ("workload = \"huge-anon\"", "workload = \"huge-anom\"", "did you mean \"huge-anon\"?"),
            ("tolerance", "tolerence", "did you mean \"tolerance\"?"),
            ("source = \"p\"", "source = \" \"", "`source` is empty"),
            ("source = \"p\"\n", "", "the file has no `source`"),
        ] {
            let wrong = with(from, to).err().unwrap_or_else(|| panic!("it is wrong: {to}"));
            assert_eq!(wrong.len(), 1, "{to}: {wrong}");
            assert!(wrong.to_string().contains(said), "{said}: {wrong}");
        }
        let none = parse(TEXT.split("[[curve]]").next().unwrap()).err().unwrap().to_string();
        assert!(none.contains("there is nothing to compare"), "{none}");
    }

    #[test]
    fn all_mistakes_are_reported_at_once() {
        let text = TEXT.replacen("\"s\"", "1", 1).replacen("[10, 16]", "[10]", 1);
        let wrong = parse(&text.replacen("unlocked", "unlock", 1)).err().unwrap();
        assert_eq!(wrong.len(), 3, "{wrong}");
    }

    /// The keys are those that a message about an unknown one lists.
    #[test]
    fn the_readme_has_every_key_and_loop() {
        let readme = include_str!("../../../../validation/README.md");
        assert!(readme.contains(&LoopKind::markdown()), "{}", LoopKind::markdown());
        for text in ["qqqqqq = 1\n".to_owned() + TEXT, TEXT.to_owned() + "qqqqqq = 1\n"] {
            let message = parse(&text).err().unwrap().to_string();
            let keys = message.split_once("the keys here are ").expect("it lists them").1;
            for key in keys.split('"').skip(1).step_by(2) {
                assert!(readme.contains(&format!("| `{key}` |")), "{key}");
            }
        }
    }

    #[test]
    fn every_file_is_shipped() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../validation");
        let files = std::fs::read_dir(folder).unwrap();
        let files = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        for name in files.filter_map(|name| name.strip_suffix(".toml").map(str::to_owned)) {
            assert!(shipped().iter().any(|(shipped, _)| *shipped == name), "{name} is shipped");
        }
    }
}

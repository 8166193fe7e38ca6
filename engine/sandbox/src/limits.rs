//! What a policy may be and use, with the reasons.

/// Bounds on a policy. They are part of what a publication means: a policy that
/// was published under them must run under them for ten years.
#[derive(Debug, Clone, Copy)]
pub struct Limits;

impl Limits {
    /// Bytes of a component. A policy with its tables is some 100 KB; compiling
    /// takes about 1.5 ms per KB of code.
    pub const COMPONENT_BYTES: usize = 8 << 20;
    /// Bytes of code in all functions together: bounds the time to compile.
    pub const CODE_BYTES: usize = 1 << 20;
    /// Functions, imports included.
    pub const FUNCTIONS: usize = 10_000;
    /// Bytes of code of one function: some work of the compiler grows faster
    /// than the function.
    pub const FUNCTION_BYTES: usize = 128 << 10;
    /// Locals of all functions, each counted once and again for every loop of
    /// its function: at the head of a loop each local that changes needs a place
    /// of its own. The bundled policies have some 3,000.
    pub const LOCALS: usize = 100_000;
    /// Loops in loops. People write three.
    pub const LOOP_DEPTH: usize = 32;
    /// Core modules of a component, and instances of them: the policy's own and
    /// the two that carry its imports across the interface.
    pub const MODULES: usize = 4;
    /// Bytes of linear memory. It is a slot of a pool, reset after each claim.
    pub const MEMORY_BYTES: u64 = 4 << 20;
    /// Elements of a table.
    pub const TABLE_ELEMENTS: u64 = 1_000;
    /// Units of fuel of one adjudication unless the publication says less.
    pub const FUEL: u64 = 20_000_000;
    /// Units of fuel to instantiate: there is no start function, so what is
    /// charged is the copying of data into memory and tables.
    pub const INSTANTIATION_FUEL: u64 = 20_000_000;
    /// Bytes a policy may hand over in one call, as the host holds them. The
    /// default of the machine is 128 MiB, for 22,012 units of fuel.
    pub const ANSWER_BYTES: usize = 1 << 20;
    /// Bytes a policy may be answered by `lookup` and `query` together.
    pub const ASKED_BYTES: u64 = 4 << 20;
    /// Fuel charged for each call out of the sandbox.
    pub const CALL_FUEL: u64 = 200;
    /// Fuel charged for each byte asked or answered: recording a transcript
    /// and finding a row cost the host about as much.
    pub const BYTE_FUEL: u64 = 4;
    /// Bytes of native stack. How deep a call may go is not deterministic over
    /// compilers: to overflow is a host fault, never a verdict.
    pub const STACK_BYTES: usize = 512 << 10;
    /// Claims that may run at once; one more is refused a slot at once.
    pub const CONCURRENT: u32 = 64;
}

/// The table of fuel costs, by number. 1: the default costs of wasmtime 48, but
/// `memory.grow` 200, `memory.fill`, `copy` and `init` 20 beside their bytes,
/// `call` 3, `call_indirect` 4: with the defaults a unit of fuel spent on growing
/// memory lasted fifty times as long as one spent on adding.
pub const FUEL_COST_TABLE: u32 = 1;
/// The version of the interface, by number. 1 was `tallystick:policy@1.0.0`; 2:
/// `tallystick:policy@2.0.0`, with other payers, institutional and dental claims,
/// drugs, referrals, and a stated order of cost sharing.
pub const ABI: u32 = 2;

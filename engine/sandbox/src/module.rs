//! What a core module of a component holds: its functions and whom they call.

use std::collections::BTreeMap;

use wasmparser::{CompositeInnerType, ElementItems, FuncType, Operator, Payload, TypeRef};

use crate::{Limits, Refused};

/// A core module, as far as a proof needs it.
#[derive(Default)]
pub(crate) struct Module {
    /// The function types, each by the first that is equal to it: an indirect
    /// call compares types by what they are, not by where they stand.
    same: Vec<u32>,
    first: BTreeMap<FuncType, u32>,
    imported: usize,
    /// The type of each function, imported ones first.
    types: Vec<u32>,
    /// For each function with a body: what it calls, directly and by type.
    calls: Vec<(Vec<u32>, Vec<u32>)>,
    /// Functions that stand in a table.
    listed: Vec<u32>,
    /// The most bytes each memory may have.
    pub(crate) memories: Vec<Option<u64>>,
    tables: Vec<u64>,
    /// Bytes of code, in all and of the longest function.
    pub(crate) code: usize,
    pub(crate) longest: usize,
    /// Locals of all functions, counted for each loop of their function.
    pub(crate) locals: usize,
    /// The most loops in loops.
    pub(crate) depth: usize,
    names: BTreeMap<u32, String>,
}

impl Module {
    /// Reads one section of the module.
    pub(crate) fn read(
        &mut self,
        payload: Payload<'_>,
    ) -> Result<Result<(), Refused>, wasmparser::BinaryReaderError> {
        match payload {
            Payload::TypeSection(section) => {
                // Floats are found by validation; here only that types are functions.
                for group in section {
                    for ty in group?.into_types() {
                        let CompositeInnerType::Func(ty) = ty.composite_type.inner else {
                            return Ok(Err(Refused::Invalid {
                                reason: "a type that is not a function's".to_owned(),
                            }));
                        };
                        let index = u32::try_from(self.same.len()).unwrap_or(u32::MAX);
                        self.same.push(*self.first.entry(ty).or_insert(index));
                    }
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    match import?.ty {
                        TypeRef::Func(ty) | TypeRef::FuncExact(ty) => {
                            self.types.push(ty);
                            self.imported = self.imported.saturating_add(1);
                        }
                        TypeRef::Memory(memory) if memory.shared => {
                            return Ok(Err(Refused::SharedMemory));
                        }
                        _ => {}
                    }
                }
            }
            Payload::FunctionSection(section) => {
                for ty in section {
                    self.types.push(ty?);
                }
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    let memory = memory?;
                    if memory.shared {
                        return Ok(Err(Refused::SharedMemory));
                    }
                    let pages = memory.maximum.filter(|max| *max >= memory.initial);
                    self.memories
                        .push(pages.map(|max| max.saturating_mul(65_536)));
                }
            }
            Payload::TableSection(section) => {
                for table in section {
                    let table = table?.ty;
                    self.tables.push(table.maximum.unwrap_or(u64::MAX));
                }
            }
            Payload::ElementSection(section) => {
                for element in section {
                    match element?.items {
                        ElementItems::Functions(functions) => {
                            for function in functions {
                                self.listed.push(function?);
                            }
                        }
                        ElementItems::Expressions(_, expressions) => {
                            for expression in expressions {
                                for operator in expression?.get_operators_reader() {
                                    if let Operator::RefFunc { function_index } = operator? {
                                        self.listed.push(function_index);
                                    }
                                }
                            }
                        }
                    }
                }
            }
            Payload::CodeSectionEntry(body) => {
                let range = body.range();
                let length = range.end.saturating_sub(range.start);
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                self.code = self.code.saturating_add(length);
                self.longest = self.longest.max(length);
                let mut locals = 0usize;
                for declared in body.get_locals_reader()? {
                    let (count, _) = declared?;
                    locals = locals.saturating_add(usize::try_from(count).unwrap_or(usize::MAX));
                }
                let (mut loops, mut depth, mut blocks) = (1usize, 0usize, Vec::new());
                let (mut direct, mut indirect) = (Vec::new(), Vec::new());
                for operator in body.get_operators_reader()? {
                    match operator? {
                        Operator::Call { function_index } => direct.push(function_index),
                        Operator::CallIndirect { type_index, .. } => indirect.push(type_index),
                        Operator::Loop { .. } => {
                            loops = loops.saturating_add(1);
                            depth = depth.saturating_add(1);
                            self.depth = self.depth.max(depth);
                            blocks.push(true);
                        }
                        Operator::Block { .. } | Operator::If { .. } => blocks.push(false),
                        Operator::End if blocks.pop() == Some(true) => {
                            depth = depth.saturating_sub(1);
                        }
                        _ => {}
                    }
                }
                self.locals = self.locals.saturating_add(locals.saturating_mul(loops));
                direct.sort_unstable();
                direct.dedup();
                indirect.sort_unstable();
                indirect.dedup();
                self.calls.push((direct, indirect));
            }
            Payload::CustomSection(section) if section.name() == "name" => {
                // Names only make a message readable; unreadable ones are left out.
                if let wasmparser::KnownCustom::Name(names) = section.as_known() {
                    for names in names.into_iter().map_while(Result::ok) {
                        if let wasmparser::Name::Function(names) = names {
                            for name in names.into_iter().map_while(Result::ok) {
                                // They come from outside and are shown to people.
                                let shown = name.name.chars().filter(|c| !c.is_control());
                                self.names.insert(name.index, shown.take(80).collect());
                            }
                        }
                    }
                }
            }
            _ => {}
        }
        Ok(Ok(()))
    }

    /// How many functions there are, imported ones included.
    pub(crate) fn functions(&self) -> usize {
        self.types.len()
    }

    /// Memories and tables that cannot outgrow their limits.
    pub(crate) fn check_bounds(&self) -> Result<(), Refused> {
        let bounded = |max: &Option<u64>| max.is_some_and(|max| max <= Limits::MEMORY_BYTES);
        if !self.memories.iter().all(bounded) {
            return Err(Refused::Unbounded {
                what: "the memory (bytes)",
                limit: Limits::MEMORY_BYTES,
            });
        }
        if self.tables.iter().any(|max| *max > Limits::TABLE_ELEMENTS) {
            return Err(Refused::Unbounded {
                what: "a table (elements)",
                limit: Limits::TABLE_ELEMENTS,
            });
        }
        Ok(())
    }

    /// No function calls itself, directly or through others.
    pub(crate) fn check_recursion(&self, module: usize) -> Result<(), Refused> {
        match cycles(&self.graph(false)).first() {
            None => Ok(()),
            Some(cycle) => {
                let first = cycle.first().copied().unwrap_or(0);
                let named = u32::try_from(first).ok().and_then(|f| self.names.get(&f));
                let function = named.map_or_else(|| first.to_string(), |name| format!("`{name}`"));
                Err(Refused::Recursion {
                    module,
                    function,
                    through: cycle.len().saturating_sub(1),
                })
            }
        }
    }

    /// How many functions may call themselves through a table of this module.
    pub(crate) fn indirect_cycles(&self) -> usize {
        let functions = self.types.len();
        cycles(&self.graph(true))
            .iter()
            .flatten()
            .filter(|node| **node < functions)
            .count()
    }

    /// Whom each function calls. For indirect calls a node stands for each
    /// type: callers lead to it and it leads to the listed functions of the
    /// type, so that the graph stays as small as the module.
    fn graph(&self, indirect: bool) -> Vec<Vec<usize>> {
        let index = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
        let functions = self.types.len();
        let type_node = |ty: u32| {
            let same = self.same.get(index(ty)).copied().unwrap_or(ty);
            functions.saturating_add(index(same))
        };
        let mut graph = vec![Vec::new(); functions.saturating_add(self.same.len())];
        for (body, (direct, by_type)) in self.calls.iter().enumerate() {
            let Some(callees) = graph.get_mut(self.imported.saturating_add(body)) else {
                continue;
            };
            callees.extend(direct.iter().copied().map(index));
            if indirect {
                callees.extend(by_type.iter().copied().map(type_node));
            }
        }
        if indirect {
            let mut listed = self.listed.clone();
            listed.sort_unstable();
            listed.dedup();
            for function in listed.into_iter().map(index) {
                let ty = self.types.get(function).copied();
                if let Some(node) = ty.and_then(|ty| graph.get_mut(type_node(ty))) {
                    node.push(function);
                }
            }
        }
        graph
    }
}

/// The groups of nodes that lead to each other in a circle: Tarjan's strongly
/// connected components, without recursion of our own.
fn cycles(graph: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let n = graph.len();
    let (mut order, mut low) = (vec![0usize; n], vec![0usize; n]);
    let (mut on_stack, mut stack) = (vec![false; n], Vec::new());
    let (mut next, mut found) = (1usize, Vec::new());
    for root in 0..n {
        if order[root] != 0 {
            continue;
        }
        let mut work = vec![(root, 0usize)];
        order[root] = next;
        low[root] = next;
        next += 1;
        stack.push(root);
        on_stack[root] = true;
        while let Some((node, at)) = work.last_mut() {
            let node = *node;
            if let Some(&callee) = graph[node].get(*at) {
                *at += 1;
                if callee >= n {
                    continue;
                }
                if order[callee] == 0 {
                    order[callee] = next;
                    low[callee] = next;
                    next += 1;
                    stack.push(callee);
                    on_stack[callee] = true;
                    work.push((callee, 0));
                } else if on_stack[callee] {
                    low[node] = low[node].min(order[callee]);
                }
                continue;
            }
            work.pop();
            if let Some((caller, _)) = work.last() {
                low[*caller] = low[*caller].min(low[node]);
            }
            if low[node] == order[node] {
                let mut group = Vec::new();
                while let Some(member) = stack.pop() {
                    on_stack[member] = false;
                    group.push(member);
                    if member == node {
                        break;
                    }
                }
                group.sort_unstable();
                if group.len() > 1 || graph[node].contains(&node) {
                    found.push(group);
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn circles_are_found_and_nothing_else() {
        let graph = vec![
            vec![1, 2],
            vec![2],
            vec![3],
            vec![1],
            vec![4],
            vec![0],
            vec![],
        ];
        let mut found = cycles(&graph);
        found.sort();
        assert_eq!(found, vec![vec![1, 2, 3], vec![4]]);
    }

    #[test]
    fn a_long_chain_needs_no_stack_of_ours() {
        let n = 200_000;
        let mut graph: Vec<Vec<usize>> = (1..=n).map(|next| vec![next]).collect();
        graph.push(vec![]);
        assert_eq!(cycles(&graph), Vec::<Vec<usize>>::new());
        graph[n].push(0);
        assert_eq!(cycles(&graph).len(), 1);
    }
}

//! What several readings do with a line, as a tree: stages that they have in common at their beginning are one branch and are done once.
//!
//! Two readings share a stage when the stages before are shared and the stage is the same; `| json a, b` and `| json a, c` are too, where
//! neither can see what the other takes out. A shared parser takes out what any of them needs. That may have it read a line further
//! than one of them would alone, and fail where that one does not; on such a line each goes its own way.

use logstage::json::PATHS_AT_ONCE_MAX;
use logstage::{EXTRACTED, Needed, Row, Stage, Unwrap};

use super::readings::Reading;
use super::samples::SeriesBy;
use super::scan::compiled;
use crate::ast::StageKind;
use crate::compile;
use crate::error::EvalError;

/// Some of the readings, a bit each by its number.
pub(super) type Lanes = u128;

/// Readings that one tree can have; more of them are more trees.
pub(super) const LANES_MAX: usize = Lanes::BITS as usize;

/// The bit of a reading.
pub(super) fn lane_bit(lane: usize) -> Lanes {
    1 << lane
}

/// The numbers of some readings.
pub(super) fn each_lane(mut lanes: Lanes) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let lane = lanes.trailing_zeros() as usize;
        lanes &= lanes.checked_sub(1)?;
        Some(lane)
    })
}

/// Stages of readings, and what becomes of lines behind them.
pub(super) struct Tree {
    root: Node,
    ends: Vec<End>,
    /// Series that are told apart by the same labels at the same end.
    pub(super) groups: Vec<Group>,
    depth: usize,
}

/// A place between stages.
#[derive(Default)]
struct Node {
    branches: Vec<Branch>,
    /// Which ends stand here.
    ends: Vec<usize>,
    /// Groups to which a line of any end here belongs under the same labels, whatever was unwrapped.
    groups: Vec<usize>,
}

struct Branch {
    stage: Stage,
    needed: Needed,
    /// Whether the stage may read more than one of the readings alone would.
    is_wider: bool,
    lanes: Lanes,
    then: Node,
}

/// Where lines have passed all stages of some readings.
pub(super) struct End {
    pub(super) unwrap: Option<Unwrap>,
    /// Whether nobody behind looks at the label that is unwrapped.
    is_label_unseen: bool,
    lanes: Lanes,
    /// Places in [`Tree::groups`].
    pub(super) groups: Vec<usize>,
}

/// Readings whose series are told apart by the same labels behind the same stages.
pub(super) struct Group {
    pub(super) by: SeriesBy,
    pub(super) lanes: Lanes,
}

/// Who gets the lines.
pub(super) trait Take<'b> {
    /// A line has passed all stages before an end, for some of its readings, and gave this number.
    fn take(&mut self, end: &'b End, row: &Row<'b>, number: f64, lanes: Lanes);

    /// A line has passed all stages before an end, but gave no number.
    fn pass(&mut self, lanes: Lanes);

    /// A shared parser failed on the line at hand: each of these readings takes it through its own stages.
    fn alone(&mut self, tree: &'b Tree, lanes: Lanes);
}

impl Tree {
    /// A tree of at most [`LANES_MAX`] readings.
    ///
    /// # Errors
    /// When a stage makes no sense, which the parser has ruled out.
    pub(super) fn new(readings: &[&Reading<'_>]) -> Result<Self, EvalError> {
        let root = Node::default();
        let mut tree = Self { root, ends: Vec::new(), groups: Vec::new(), depth: 0 };
        let all: Vec<usize> = (0..readings.len()).collect();
        tree.root = tree.grow(readings, &all, 0)?;
        Ok(tree)
    }

    fn grow(&mut self, readings: &[&Reading<'_>], lanes: &[usize], depth: usize) -> Result<Node, EvalError> {
        self.depth = self.depth.max(depth);
        let mut node = Node::default();
        let mut shares: Vec<Share<'_>> = Vec::new();
        for &lane in lanes {
            let reading = readings[lane];
            let (Some(stage), Some(needed)) =
                (reading.expr.log.stages.get(depth), reading.filter.pipeline.needs().nth(depth))
            else {
                self.end(&mut node, readings, lane)?;
                continue;
            };
            let member = Member { lane, kind: &stage.kind, needed };
            match shares.iter_mut().find(|share| share.fits(&member)) {
                Some(share) => share.0.push(member),
                None => shares.push(Share(vec![member])),
            }
        }
        for share in shares {
            let below: Vec<usize> = share.0.iter().map(|member| member.lane).collect();
            let then = self.grow(readings, &below, depth + 1)?;
            node.branches.push(share.into_branch(then)?);
        }
        Ok(node)
    }

    /// Has a reading end at a node.
    fn end(&mut self, node: &mut Node, readings: &[&Reading<'_>], lane: usize) -> Result<(), EvalError> {
        let reading = readings[lane];
        let is_same = |place: &usize| {
            let first = each_lane(self.ends[*place].lanes).next();
            first.is_some_and(|first| readings[first].expr.unwrap == reading.expr.unwrap)
        };
        let place = match node.ends.iter().copied().find(is_same) {
            Some(place) => place,
            None => {
                let unwrap = compiled(reading.expr.unwrap.as_ref())?;
                self.ends.push(End { unwrap, is_label_unseen: true, lanes: 0, groups: Vec::new() });
                node.ends.push(self.ends.len() - 1);
                self.ends.len() - 1
            }
        };
        let (end, by) = (&mut self.ends[place], &reading.plan.by);
        end.lanes |= lane_bit(lane);
        // Once a label is unwrapped it is none any more; who does not look at it has the same series as before.
        let is_unseen = match (&end.unwrap, by) {
            (Some(unwrap), SeriesBy::By(names)) => !names.contains(&unwrap.label),
            (unwrap, _) => unwrap.is_none(),
        };
        end.is_label_unseen &= is_unseen;
        let known = if is_unseen { &node.groups } else { &end.groups };
        let group = known.iter().copied().find(|group| self.groups[*group].by == *by).unwrap_or_else(|| {
            self.groups.push(Group { by: by.clone(), lanes: 0 });
            self.groups.len() - 1
        });
        self.groups[group].lanes |= lane_bit(lane);
        if is_unseen && !node.groups.contains(&group) {
            node.groups.push(group);
        }
        if !end.groups.contains(&group) {
            end.groups.push(group);
        }
        Ok(())
    }

    /// Copies of a row that [`Tree::run`] needs beside it.
    pub(super) fn spares<'b>(&self, row: &Row<'b>) -> Vec<Row<'b>> {
        vec![row.clone(); self.depth + 1]
    }

    /// When all readings begin with looking for a single text: who has many lines in one piece can find that by itself.
    pub(super) fn finder(&self) -> Option<&memchr::memmem::Finder<'static>> {
        match (self.root.ends.as_slice(), self.root.branches.as_slice()) {
            ([], [branch]) => branch.stage.finder(),
            _ => None,
        }
    }

    /// Takes a line through the stages of some readings.
    pub(super) fn run<'b>(
        &'b self,
        row: &mut Row<'b>,
        spares: &mut [Row<'b>],
        lanes: Lanes,
        take: &mut impl Take<'b>,
    ) {
        self.walk(&self.root, row, spares, lanes, take);
    }

    fn walk<'b>(
        &'b self,
        node: &'b Node,
        row: &mut Row<'b>,
        spares: &mut [Row<'b>],
        lanes: Lanes,
        take: &mut impl Take<'b>,
    ) {
        let Some((spare, spares)) = spares.split_first_mut() else { return };
        let ends = node.ends.iter().map(|place| &self.ends[*place]).filter(|end| end.lanes & lanes != 0);
        ends.for_each(|end| self.finish(end, row, spare, lanes, take));
        for (i, branch) in node.branches.iter().enumerate().filter(|(_, branch)| branch.lanes & lanes != 0) {
            // The last may change the row itself.
            let row = if i + 1 == node.branches.len() {
                &mut *row
            } else {
                spare.clone_from(row);
                &mut *spare
            };
            let had_failed = row.error().is_some();
            if !branch.stage.apply(row, &branch.needed) {
                continue;
            }
            if branch.is_wider && !had_failed && row.error().is_some() {
                take.alone(self, lanes & branch.lanes);
                continue;
            }
            self.walk(&branch.then, row, spares, lanes, take);
        }
    }

    /// Has a line at an end counted, which may take a copy of it.
    fn finish<'b>(
        &'b self,
        end: &'b End,
        row: &Row<'b>,
        spare: &mut Row<'b>,
        lanes: Lanes,
        take: &mut impl Take<'b>,
    ) {
        let lanes = lanes & end.lanes;
        let Some(unwrap) = &end.unwrap else { return take.take(end, row, 0.0, lanes) };
        let seen = if end.is_label_unseen { unwrap.peek(row) } else { None };
        match seen {
            Some(None) => take.pass(lanes),
            Some(Some(number)) => take.take(end, row, number, lanes),
            None => {
                spare.clone_from(row);
                match unwrap.number(spare) {
                    None => take.pass(lanes),
                    Some(number) => take.take(end, spare, number, lanes),
                }
            }
        }
    }

    /// Takes a line of one reading, which has been through its own stages, to its end.
    pub(super) fn finish_alone<'b>(
        &'b self,
        lane: usize,
        row: &Row<'b>,
        spare: &mut Row<'b>,
        take: &mut impl Take<'b>,
    ) {
        let end = self.ends.iter().find(|end| end.lanes & lane_bit(lane) != 0);
        end.into_iter().for_each(|end| self.finish(end, row, spare, lane_bit(lane), take));
    }
}

/// A stage of one reading, and what is needed behind it.
struct Member<'a> {
    lane: usize,
    kind: &'a StageKind,
    needed: &'a Needed,
}

impl Member<'_> {
    /// Fields that the stage takes out, with their paths, when it is `| json a, b`.
    fn fields(&self) -> &[(String, String)] {
        match self.kind {
            StageKind::Json(fields) => fields,
            _ => &[],
        }
    }

    /// Whether it makes no difference to the reading that these are taken out too.
    fn cannot_see(&self, fields: &[(String, String)]) -> bool {
        fields.iter().all(|field| self.fields().contains(field) || !self.needed.wants(&field.0))
    }
}

/// A stage that some readings have at the same place.
struct Share<'a>(Vec<Member<'a>>);

impl<'a> Share<'a> {
    fn fits(&self, other: &Member<'a>) -> bool {
        if self.0.iter().all(|member| member.kind == other.kind) {
            return true;
        }
        if self.0.iter().chain([other]).any(|member| member.fields().is_empty()) {
            return false;
        }
        let fields = joined(self.0.iter().chain([other]));
        // Of two that may get the same name only one can, and which must not depend on the company.
        let mut names: Vec<&str> =
            fields.iter().map(|(name, _)| name.strip_suffix(EXTRACTED).unwrap_or(name)).collect();
        names.sort_unstable();
        names.windows(2).all(|pair| pair[0] != pair[1])
            && fields.len() <= PATHS_AT_ONCE_MAX
            && self.0.iter().chain([other]).all(|member| member.cannot_see(&fields))
    }

    fn into_branch(self, then: Node) -> Result<Branch, EvalError> {
        let Some(first) = self.0.first() else { return Err(EvalError::Invalid("a stage of nobody".into())) };
        let is_same = |member: &Member<'_>| member.kind == first.kind && member.needed == first.needed;
        let needed = self.0.iter().fold(first.needed.clone(), |needed, member| needed.join(member.needed));
        let stage = match joined(self.0.iter()) {
            fields if fields.is_empty() => compile::stage(first.kind),
            fields => compile::stage(&StageKind::Json(fields)),
        };
        let stage = stage.map_err(|error| EvalError::Invalid(error.to_string()))?.only(&needed);
        let is_wider = stage.reads_fields() && !self.0.iter().all(is_same);
        let lanes = self.0.iter().fold(0, |lanes, member| lanes | lane_bit(member.lane));
        Ok(Branch { stage, needed, is_wider, lanes, then })
    }
}

/// Fields that any of them takes out, each once.
fn joined<'m, 'a: 'm>(members: impl Iterator<Item = &'m Member<'a>>) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    for field in members.flat_map(Member::fields) {
        if !all.contains(field) {
            all.push(field.clone());
        }
    }
    all
}

//! Makes the tree of a Go template mean what Prometheus and Alertmanager mean by it, and checks its names.
//!
//! The template library keeps Go's defaults, Prometheus asks for others. Three rewrites of the parsed tree close the gap,
//! without touching the text that a person wrote:
//!
//! * a field that is given arguments (`.StartsAt.Format "15:04"`) becomes a call of [`METHOD`];
//! * a field (`.Labels.job`, `$labels.job`) becomes a call of [`FIELD`], which gives "" for a label that is missing and
//!   an error for a field that no structure has (Go's `missingkey=zero` on a map of strings);
//! * what an action prints goes through [`PRINT`], which prints floats as Go does.
//!
//! Names of functions and variables are checked here because Go refuses unknown ones when parsing, and the library only
//! when it meets them.

use std::sync::Arc;

use gotmpl::parse::{BranchNode, CommandNode, DefineNode, Expr, ListNode, Node, PipeNode, Pos, SmolStr};

/// The function that reads fields.
pub const FIELD: &str = "__field";
/// The function that calls methods with arguments.
pub const METHOD: &str = "__method";
/// The function that prints the result of an action.
pub const PRINT: &str = "__print";

/// Rewrites a template and its definitions in place.
///
/// # Errors
/// The first function or variable that does not exist, in Go's words.
pub(crate) fn rewrite(
    main: &mut ListNode,
    defines: &mut [DefineNode],
    known_function: &dyn Fn(&str) -> bool,
) -> Result<(), String> {
    let mut rewriter = Rewriter { known_function, scope: vec![SmolStr::new("$")] };
    rewriter.list(main)?;
    for define in defines {
        rewriter.scope.truncate(1);
        rewriter.list(&mut define.body)?;
    }
    Ok(())
}

struct Rewriter<'a> {
    known_function: &'a dyn Fn(&str) -> bool,
    /// Variables that exist at this point of the walk.
    scope: Vec<SmolStr>,
}

impl Rewriter<'_> {
    fn list(&mut self, list: &mut ListNode) -> Result<(), String> {
        list.nodes.iter_mut().try_for_each(|node| self.node(node))
    }

    fn node(&mut self, node: &mut Node) -> Result<(), String> {
        match node {
            Node::List(list) => self.list(list),
            Node::Action(action) => {
                self.pipe(&mut action.pipe)?;
                if action.pipe.decl.is_empty() && !ends_escaped(&action.pipe) {
                    action.pipe.commands.push(command(action.pos, vec![name(action.pos, PRINT)]));
                }
                Ok(())
            }
            Node::If(branch) | Node::With(branch) | Node::Range(branch) => self.branch(branch),
            Node::Template(call) => call.pipe.as_mut().map_or(Ok(()), |pipe| self.pipe(pipe)),
            Node::Define(define) => self.list(&mut define.body),
            Node::Text(_) | Node::Break(_) | Node::Continue(_) => Ok(()),
        }
    }

    /// Variables declared in the head or a body end with the branch.
    fn branch(&mut self, branch: &mut BranchNode) -> Result<(), String> {
        let outer = self.scope.len();
        self.pipe(&mut branch.pipe)?;
        let head = self.scope.len();
        self.list(&mut branch.body)?;
        self.scope.truncate(head);
        if let Some(otherwise) = &mut branch.else_body {
            self.list(otherwise)?;
        }
        self.scope.truncate(outer);
        Ok(())
    }

    fn pipe(&mut self, pipe: &mut PipeNode) -> Result<(), String> {
        for (place, command) in pipe.commands.iter_mut().enumerate() {
            // What stands before in the pipeline is the last argument.
            let is_call = command.args.len() > 1 || place > 0;
            let method = command.args.first_mut().filter(|_| is_call).and_then(take_method);
            command.args.iter_mut().try_for_each(|arg| self.expr(arg))?;
            if let Some((pos, method)) = method {
                let object = command.args.remove(0);
                let head = [name(pos, METHOD), object, Expr::String(pos, method)];
                command.args.splice(0..0, head);
            }
        }
        if pipe.is_assign {
            return pipe.decl.iter().try_for_each(|variable| self.variable(variable));
        }
        self.scope.extend(pipe.decl.iter().cloned());
        Ok(())
    }

    fn expr(&mut self, expr: &mut Expr) -> Result<(), String> {
        let replacement = match expr {
            Expr::Identifier(_, function) => return self.function(function),
            Expr::Pipe(_, pipe) => return self.pipe(pipe),
            Expr::Field(pos, fields) => field_call(*pos, Expr::Dot(*pos), fields),
            Expr::Variable(pos, variable, fields) => {
                self.variable(variable)?;
                if fields.is_empty() {
                    return Ok(());
                }
                field_call(*pos, Expr::Variable(*pos, variable.clone(), Vec::new()), fields)
            }
            Expr::Chain(pos, inner, fields) => {
                self.expr(inner)?;
                field_call(*pos, (**inner).clone(), fields)
            }
            Expr::Dot(_) | Expr::String(..) | Expr::Number(..) | Expr::Bool(..) | Expr::Nil(_) => {
                return Ok(());
            }
        };
        *expr = replacement;
        Ok(())
    }

    fn function(&self, function: &str) -> Result<(), String> {
        if (self.known_function)(function) {
            Ok(())
        } else {
            Err(format!("function {function:?} not defined"))
        }
    }

    fn variable(&self, variable: &SmolStr) -> Result<(), String> {
        if self.scope.contains(variable) {
            Ok(())
        } else {
            Err(format!("undefined variable {:?}", variable.as_str()))
        }
    }
}

/// Whether the pipeline ends in an escaper of Go's: that gives a text already, and has to stay the last one, or the escaping
/// for HTML refuses it.
fn ends_escaped(pipe: &PipeNode) -> bool {
    let last = pipe.commands.last().and_then(|command| command.args.first());
    matches!(last, Some(Expr::Identifier(_, function)) if ["html", "urlquery"].contains(&function.as_str()))
}

/// Takes the last name off `.a.b`, which leaves `.a`; `None` for what has no name.
fn take_method(expr: &mut Expr) -> Option<(Pos, Arc<str>)> {
    let (pos, fields) = match expr {
        Expr::Field(pos, fields) | Expr::Variable(pos, _, fields) | Expr::Chain(pos, _, fields) => {
            (*pos, fields)
        }
        _ => return None,
    };
    let method = fields.pop()?;
    if fields.is_empty() && matches!(expr, Expr::Field(..)) {
        *expr = Expr::Dot(pos);
    }
    Some((pos, Arc::from(method.as_str())))
}

/// `(__field OBJECT "a" "b")`.
fn field_call(pos: Pos, object: Expr, fields: &[SmolStr]) -> Expr {
    let fields = fields.iter().map(|field| Expr::String(pos, Arc::from(field.as_str())));
    let args = [name(pos, FIELD), object].into_iter().chain(fields).collect();
    let pipe = PipeNode { pos, decl: Vec::new(), commands: vec![command(pos, args)], is_assign: false };
    Expr::Pipe(pos, pipe)
}

fn name(pos: Pos, function: &str) -> Expr {
    Expr::Identifier(pos, SmolStr::new(function))
}

fn command(pos: Pos, args: Vec<Expr>) -> CommandNode {
    CommandNode { pos, args }
}

//! Which of the host's variables a script uses, and what it may change: read off its syntax tree.

use std::collections::BTreeMap;

use blueprint_model::script::{ScriptFault, VariableUse};
use rhai::{
    AST, ASTFlags, ASTNode, BinaryExpr, Dynamic, Expr, FlowControl, FnCallExpr, FnPtr, Position,
    ScriptFuncDef, Stmt,
};

use super::faults;

/// What the tree tells.
#[derive(Default)]
pub(super) struct Found {
    /// Uses of variables that the script does not define itself.
    pub(super) uses: Vec<VariableUse>,
    /// Whether the script may change `state`. `false` is certain.
    pub(super) may_change_state: bool,
    /// What would fail at every run.
    pub(super) fault: Option<ScriptFault>,
}

/// Walks the tree. Its depth is bounded by the parser.
pub(super) fn find(ast: &AST) -> Found {
    let functions: Vec<Function> =
        ast.iter_fn_def().map(|function| Function::new(ast, function)).collect();
    let (closures, named): (Vec<&Function>, Vec<&Function>) =
        functions.iter().partition(|function| function.name.starts_with(ANONYMOUS));
    let mut walk = Walk {
        closures: closures.iter().map(|closure| (closure.name.as_str(), *closure)).collect(),
        names: Vec::new(),
        function: None,
        found: Found::default(),
    };
    walk.statements(ast.statements());
    for function in named {
        walk.function = Some(function.name.as_str());
        walk.body(function, 0);
    }
    walk.found.uses.sort_by(|a, b| (a.line, a.column, a).cmp(&(b.line, b.column, b)));
    walk.found.uses.dedup();
    walk.found
}

/// A function of the script.
struct Function {
    name: String,
    params: Vec<String>,
    body: Vec<Stmt>,
}

impl Function {
    /// Copies a function's statements. The type that holds them has no public name, so the one way
    /// to them is to walk a tree with this function alone.
    fn new(ast: &AST, function: &ScriptFuncDef) -> Self {
        let mut alone = ast.clone_functions_only();
        alone.retain_functions(|_, _, name, arity| {
            name == function.name.as_str() && arity == function.params.len()
        });
        let mut body = Vec::new();
        alone.walk(&mut |path| {
            if let [ASTNode::Stmt(statement)] = path {
                body.push((*statement).clone());
            }
            true
        });
        let params = function.params.iter().map(ToString::to_string).collect();
        Self { name: function.name.to_string(), params, body }
    }
}

/// How Rhai names closures.
const ANONYMOUS: &str = "anon$";

struct Walk<'a> {
    closures: BTreeMap<&'a str, &'a Function>,
    names: Vec<&'a str>,
    /// The named function whose body this is; it sees nothing around it.
    function: Option<&'a str>,
    found: Found,
}

/// One step of `a.b["c"].d()`, after the first.
#[derive(Clone, Copy)]
struct Link<'a> {
    rest: &'a Expr,
    is_dot: bool,
    is_last: bool,
}

impl<'a> Link<'a> {
    fn dot(x: &'a BinaryExpr) -> Self {
        Self { rest: &x.rhs, is_dot: true, is_last: false }
    }

    fn index(x: &'a BinaryExpr, flags: ASTFlags) -> Self {
        Self { rest: &x.rhs, is_dot: false, is_last: flags.intersects(ASTFlags::BREAK) }
    }

    /// Returns this step, and the one after it.
    fn split(self) -> (&'a Expr, Option<Self>) {
        if !self.is_dot && self.is_last {
            return (self.rest, None);
        }
        match self.rest {
            Expr::Dot(x, _, _) => (&x.lhs, Some(Self::dot(x))),
            Expr::Index(x, flags, _) => (&x.lhs, Some(Self::index(x, *flags))),
            _ => (self.rest, None),
        }
    }

    fn key(self) -> (Option<String>, bool) {
        match self.split().0 {
            Expr::Property(x, _) if self.is_dot => (Some(x.2.to_string()), false),
            Expr::MethodCall(call, _) if self.is_dot && call.name == "get" => {
                match &call.args[..] {
                    [Expr::StringConstant(key, _), ..] => (Some(key.to_string()), true),
                    _ => (None, false),
                }
            }
            Expr::StringConstant(key, _) if !self.is_dot => (Some(key.to_string()), false),
            _ => (None, false),
        }
    }
}

impl<'a> Walk<'a> {
    /// Walks a body; the first `captured` parameters are variables of the surroundings.
    fn body(&mut self, function: &'a Function, captured: usize) {
        let mark = self.names.len();
        self.names.extend(function.params.iter().skip(captured).map(String::as_str));
        self.statements(&function.body);
        self.names.truncate(mark);
    }

    fn closure(&mut self, value: &Dynamic, captured: usize) {
        let Some(pointer) = value.read_lock::<FnPtr>() else { return };
        if let Some(closure) = self.closures.get(pointer.fn_name()).copied() {
            self.body(closure, captured);
        }
    }

    fn statements(&mut self, statements: &'a [Stmt]) {
        let mark = self.names.len();
        for statement in statements {
            self.statement(statement);
        }
        self.names.truncate(mark);
    }

    fn statement(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::If(flow, _) | Stmt::While(flow, _) | Stmt::Do(flow, _, _) => {
                self.expression(&flow.expr);
                self.statements(flow.body.statements());
                self.statements(flow.branch.statements());
            }
            Stmt::Switch(x, _) => {
                self.expression(&x.0);
                for case in &x.1.expressions {
                    self.expression(&case.lhs);
                    self.expression(&case.rhs);
                }
            }
            Stmt::For(x, _) => {
                self.expression(&x.2.expr);
                let mark = self.names.len();
                self.names.push(x.0.name.as_str());
                self.names.extend(x.1.as_ref().map(|counter| counter.name.as_str()));
                self.statements(x.2.body.statements());
                self.names.truncate(mark);
            }
            Stmt::Var(x, _, _) => {
                self.expression(&x.1);
                self.names.push(x.0.name.as_str());
            }
            Stmt::Assignment(x) => {
                self.target(&x.1.lhs);
                self.expression(&x.1.rhs);
            }
            Stmt::FnCall(call, _) => self.call(call),
            Stmt::Block(block) => self.statements(block.statements()),
            Stmt::TryCatch(flow, _) => self.try_catch(flow),
            Stmt::Expr(expression) => self.expression(expression),
            Stmt::BreakLoop(value, _, _) | Stmt::Return(value, _, _) => {
                if let Some(expression) = value {
                    self.expression(expression);
                }
            }
            // `Share` belongs to a closure, which is walked as a whole.
            _ => {}
        }
    }

    fn try_catch(&mut self, flow: &'a FlowControl) {
        self.statements(flow.body.statements());
        let mark = self.names.len();
        if let Expr::Variable(x, _, _) = &flow.expr {
            self.names.push(x.1.as_str());
        }
        self.statements(flow.branch.statements());
        self.names.truncate(mark);
    }

    /// What stands left of `=`.
    fn target(&mut self, target: &'a Expr) {
        let root = match target {
            Expr::Dot(x, _, _) | Expr::Index(x, _, _) => &x.lhs,
            other => other,
        };
        if let Expr::Variable(x, _, position) = root
            && !self.is_own(x.1.as_str())
        {
            self.change(x.1.as_str());
            if x.1 == "vault" {
                self.fail(faults::read_only_vault(*position));
            }
        }
        self.expression(target);
    }

    fn expression(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Variable(x, _, position) => self.variable(x.1.as_str(), None, *position),
            Expr::Dot(x, _, _) => self.chain(&x.lhs, Link::dot(x)),
            Expr::Index(x, flags, _) => self.chain(&x.lhs, Link::index(x, *flags)),
            Expr::InterpolatedString(parts, _) | Expr::Array(parts, _) => {
                parts.iter().for_each(|part| self.expression(part));
            }
            Expr::Map(x, _) => x.0.iter().for_each(|(_, value)| self.expression(value)),
            Expr::And(parts, _) | Expr::Or(parts, _) | Expr::Coalesce(parts, _) => {
                parts.iter().for_each(|part| self.expression(part));
            }
            Expr::FnCall(call, _) | Expr::MethodCall(call, _) => self.call(call),
            Expr::DynamicConstant(value, _) => self.closure(value, 0),
            Expr::Stmt(block) => match block.statements() {
                [Stmt::Share(captured), Stmt::Expr(curried)] => {
                    if let Expr::FnCall(call, _) = &**curried
                        && let Some(Expr::DynamicConstant(value, _)) = call.args.first()
                    {
                        self.closure(value, captured.len());
                    }
                }
                statements => self.statements(statements),
            },
            // Constants, properties, `this`.
            _ => {}
        }
    }

    fn call(&mut self, call: &'a FnCallExpr) {
        // The first argument of a call by name is passed by reference.
        if let Some(Expr::Variable(x, _, _)) = call.args.first()
            && !call.is_operator_call()
        {
            self.change(x.1.as_str());
        }
        call.args.iter().for_each(|argument| self.expression(argument));
    }

    fn chain(&mut self, root: &'a Expr, first: Link<'a>) {
        let name = match root {
            Expr::Variable(x, _, position) => {
                self.variable(x.1.as_str(), Some(first.key()), *position);
                Some(x.1.as_str())
            }
            other => {
                self.expression(other);
                None
            }
        };
        let mut link = Some(first);
        while let Some(this) = link {
            let (step, next) = this.split();
            if let (Expr::MethodCall(..), Some(name)) = (step, name) {
                self.change(name);
            }
            if !matches!(step, Expr::Property(..)) {
                self.expression(step);
            }
            link = next;
        }
    }

    fn variable(&mut self, name: &'a str, key: Option<(Option<String>, bool)>, position: Position) {
        if self.is_own(name) {
            return;
        }
        if let Some(function) = self.function {
            self.fail(faults::outside_of_function(name, function, position));
            return;
        }
        if let Some(fault) = faults::foreign_word(name, position) {
            self.fail(fault);
            return;
        }
        let (key, is_optional) = key.unwrap_or_default();
        self.found.uses.push(VariableUse {
            name: name.into(),
            key,
            is_optional,
            line: position.line().unwrap_or(0),
            column: position.position().unwrap_or(0),
        });
    }

    fn is_own(&self, name: &str) -> bool {
        self.names.contains(&name)
    }

    fn change(&mut self, name: &str) {
        self.found.may_change_state |= name == "state" && !self.is_own(name);
    }

    fn fail(&mut self, fault: ScriptFault) {
        self.found.fault.get_or_insert(fault);
    }
}

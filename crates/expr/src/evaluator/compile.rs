//! From expressions to nodes.

use tidemill_core::map::Map;
use tidemill_core::{Failure, Result};

use super::{Node, broken};
use crate::expr::Expr;
use crate::function::{Arg, Binding, Form, Volatility};
use crate::registry::Registry;
use crate::scalar::Scalar;
use crate::types::{RowType, SqlType};

/// Builds nodes; equal subexpressions without volatile parts share one.
pub(super) struct Compiler<'a> {
    input: &'a RowType,
    registry: &'a Registry,
    pub nodes: Vec<Node>,
    places: Map<Expr, usize>,
}

impl<'a> Compiler<'a> {
    pub fn new(input: &'a RowType, registry: &'a Registry) -> Compiler<'a> {
        Compiler { input, registry, nodes: Vec::new(), places: Map::default() }
    }

    fn column_type(&self, column: usize) -> SqlType {
        self.input.fields.get(column).map_or(SqlType::NULL, |field| field.ty.clone())
    }

    fn ty(&self, expr: &Expr) -> SqlType {
        expr.ty(&|column| self.column_type(column))
    }

    /// The place of an expression's value.
    pub fn add(&mut self, expr: &Expr) -> Result<usize> {
        let shared = self.registry.volatility(expr) < Volatility::Volatile;
        if shared && let Some(place) = self.places.get(expr) {
            return Ok(*place);
        }
        let node = self.node(expr)?;
        let place = self.push(node);
        if shared {
            self.places.insert(expr.clone(), place);
        }
        Ok(place)
    }

    fn push(&mut self, node: Node) -> usize {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    fn add_all(&mut self, exprs: &[Expr]) -> Result<Vec<usize>> {
        exprs.iter().map(|expr| self.add(expr)).collect()
    }

    fn node(&mut self, expr: &Expr) -> Result<Node> {
        match expr {
            Expr::Column(column) if *column < self.input.len() => Ok(Node::Column(*column)),
            Expr::Column(column) => Err(broken(format!("column {column} of {} was asked for", self.input.len()))),
            Expr::Literal(value, ty) => Ok(Node::Constant(Arg::constant(value.to_array(ty)?))),
            Expr::Cast { expr, ty, try_ } => {
                let from = self.ty(expr);
                let kernel = self.registry.casts().bind(&from, ty, *try_)?;
                Ok(Node::Call { kernel, args: vec![self.add(expr)?], per_row: false })
            }
            Expr::Field { expr, index } => Ok(Node::Field { row: self.add(expr)?, index: *index }),
            Expr::Case { branches, otherwise, ty } => {
                let pairs: Result<Vec<(usize, usize)>> =
                    branches.iter().map(|(when, then)| Ok((self.add(when)?, self.add(then)?))).collect();
                let otherwise = match otherwise {
                    Some(expr) => self.add(expr)?,
                    None => self.add(&Expr::Literal(Scalar::Null, ty.clone()))?,
                };
                Ok(Node::Case { branches: pairs?, otherwise })
            }
            Expr::Call { function, args, ty } => self.call(function, args, ty),
        }
    }

    fn call(&mut self, name: &str, args: &[Expr], ty: &SqlType) -> Result<Node> {
        let Some(function) = self.registry.scalar(name).cloned() else {
            return Err(Failure::user(
                "expr.function",
                format!("there is no function {name}: this program was made by another version"),
            ));
        };
        let places = self.add_all(args)?;
        match function.form() {
            Form::And => return Ok(Node::And(places)),
            Form::Or => return Ok(Node::Or(places)),
            Form::Coalesce => return Ok(Node::Coalesce(places)),
            Form::If => {
                let [when, then, otherwise] = places[..] else { return Err(broken("IF takes three arguments")) };
                return Ok(Node::Case { branches: vec![(when, then)], otherwise });
            }
            Form::Eager => {}
        }
        let types: Vec<SqlType> = args.iter().map(|arg| self.ty(arg)).collect();
        let constants: Vec<_> = places
            .iter()
            .map(|place| match &self.nodes[*place] {
                Node::Constant(arg) => Some(arg.array().clone()),
                _ => None,
            })
            .collect();
        let site = self.nodes.len() as u64;
        let kernel = function.bind(&Binding { args: &types, constants: &constants, ty, site })?;
        Ok(Node::Call { kernel, args: places, per_row: function.volatility() == Volatility::Volatile })
    }
}

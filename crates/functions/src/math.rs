//! Mathematics: roots, powers, logarithms, trigonometry, random numbers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use arrow::datatypes::{Float64Type, Int32Type, Int64Type};
use tidemill_core::Result;
use tidemill_expr::{
    Arg, Binding, EvalContext, Kernel, Operand, Output, Registry, Signature, SqlType, TypeKind, Volatility,
};

use crate::access::{Numbers, numbers, written_texts};
use crate::define::{Function, Param, accept, typed};

/// Registers the functions of this file.
pub(crate) fn register(registry: &mut Registry) {
    macro_rules! unary {
        ($($name:literal => $function:expr),+ $(,)?) => { $(
            registry.add_scalar(Function::new($name, one_double, |_| map($function)));
        )+ };
    }
    unary! {
        "SQRT" => f64::sqrt, "LN" => f64::ln, "LOG10" => f64::log10, "EXP" => f64::exp,
        "SIN" => f64::sin, "COS" => f64::cos, "TAN" => f64::tan, "SINH" => f64::sinh, "COSH" => f64::cosh,
        "TANH" => f64::tanh, "ASIN" => f64::asin, "ACOS" => f64::acos, "ATAN" => f64::atan,
        "COT" => |x: f64| 1.0 / x.tan(), "DEGREES" => f64::to_degrees, "RADIANS" => f64::to_radians,
    }
    // The base stands first: LOG(b, x).
    registry.add_scalar(Function::new("LOG2", one_double, |_| map(|x| x.ln() / 2f64.ln())));
    registry.add_scalar(Function::new(
        "LOG",
        |args| doubles(args, 1),
        |call| {
            if call.args.len() == 1 { map(f64::ln) } else { zip(|base, x| x.ln() / base.ln()) }
        },
    ));
    registry.add_scalar(Function::new("POWER", |args| doubles(args, 0), |_| zip(f64::powf)));
    registry.add_scalar(Function::new("ATAN2", |args| doubles(args, 0), |_| zip(f64::atan2)));
    registry.add_scalar(Function::new("PI", constant, |_| value(std::f64::consts::PI)));
    registry.add_scalar(Function::new("E", constant, |_| value(std::f64::consts::E)));
    registry.add_scalar(Function::new(
        "BIN",
        |args| typed(args, &[Param::Long], 0, TypeKind::STRING, false),
        |_| bin(),
    ));
    registry.add_scalar(Function::new("RAND", infer_rand, rand).volatility(Volatility::Volatile));
    registry
        .add_scalar(Function::new("RAND_INTEGER", infer_rand_integer, rand_integer).volatility(Volatility::Volatile));
    registry.add_scalar(Function::new("UUID", infer_uuid, |call| uuid(call.site)).volatility(Volatility::Volatile));
}

fn one_double(args: &[Operand<'_>]) -> Result<Signature, String> {
    typed(args, &[Param::Double], 0, TypeKind::Double, false)
}

fn doubles(args: &[Operand<'_>], optional: usize) -> Result<Signature, String> {
    typed(args, &[Param::Double, Param::Double], optional, TypeKind::Double, false)
}

fn constant(args: &[Operand<'_>]) -> Result<Signature, String> {
    Ok(Signature::new(accept(args, &[], 0)?, SqlType::DOUBLE.not_null()))
}

fn value(value: f64) -> Result<Kernel> {
    let array: ArrayRef = Arc::new(Float64Array::from(vec![value]));
    Ok(Box::new(move |_, rows, _| Ok(Output::new(Arg::constant(Arc::clone(&array)).expand(rows)?))))
}

fn map(function: impl Fn(f64) -> f64 + Send + Sync + 'static) -> Result<Kernel> {
    Ok(Box::new(move |args, rows, _| {
        let x = Numbers::<Float64Type>::of(&args[0])?;
        Ok(numbers::<Float64Type>(rows, |row| x.get(row).map(&function)))
    }))
}

fn zip(function: impl Fn(f64, f64) -> f64 + Send + Sync + 'static) -> Result<Kernel> {
    Ok(Box::new(move |args, rows, _| {
        let (x, y) = (Numbers::<Float64Type>::of(&args[0])?, Numbers::<Float64Type>::of(&args[1])?);
        Ok(numbers::<Float64Type>(rows, |row| Some(function(x.get(row)?, y.get(row)?))))
    }))
}

fn bin() -> Result<Kernel> {
    Ok(Box::new(|args, rows, _| {
        use std::fmt::Write;
        let x = Numbers::<Int64Type>::of(&args[0])?;
        Ok(written_texts(rows, |row, text| x.get(row).is_some_and(|x| write!(text, "{x:b}").is_ok())))
    }))
}

fn infer_rand(args: &[Operand<'_>]) -> Result<Signature, String> {
    Ok(Signature::new(accept(args, &[Param::Int], 1)?, SqlType::DOUBLE.not_null()))
}

fn infer_rand_integer(args: &[Operand<'_>]) -> Result<Signature, String> {
    Ok(Signature::new(
        accept(args, &[Param::Int, Param::Int], 1)?,
        SqlType::INT.with_null(crate::define::any_null(args)),
    ))
}

fn infer_uuid(args: &[Operand<'_>]) -> Result<Signature, String> {
    Ok(Signature::new(accept(args, &[], 0)?, TypeKind::Char(36).not_null()))
}

/// A random number by place: Vigna's splitmix64.
fn random(seed: u64, site: u64, row: usize) -> u64 {
    let mut x = seed ^ site.wrapping_mul(0xd1b5_4a32_d192_ed03);
    x = x.wrapping_add((row as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}

/// Where the random numbers of a call come from.
///
/// With a constant seed they are the sequence of that seed, the same for every call that has it: the call counts the numbers
/// that it has drawn, so that batches do not matter. A program is compiled for one subtask, which begins the sequence anew
/// when it is started. A seed from a column chooses the first number of its sequence in each row.
enum Draw {
    Anywhere(u64),
    Sequence { seed: u64, drawn: AtomicU64 },
    ByRow,
}

impl Draw {
    /// The seed is the first of two arguments, or of one if `alone`.
    fn of(call: &Binding<'_>, alone: bool) -> Draw {
        if call.args.len() < if alone { 1 } else { 2 } {
            return Draw::Anywhere(call.site);
        }
        match call.constants.first().and_then(Option::as_ref).and_then(|seed| seed.as_primitive_opt::<Int32Type>()) {
            Some(seed) => {
                let seed = if seed.is_null(0) { 0 } else { seed.value(0) as u64 };
                Draw::Sequence { seed, drawn: AtomicU64::new(0) }
            }
            None => Draw::ByRow,
        }
    }

    /// The numbers of so many rows.
    fn numbers<'a>(&self, args: &'a [Arg], rows: usize, cx: &EvalContext) -> Result<Box<dyn Fn(usize) -> u64 + 'a>> {
        Ok(match self {
            Draw::Anywhere(site) => {
                let (seed, site) = (cx.random_seed, *site);
                Box::new(move |row| random(seed, site, row))
            }
            Draw::Sequence { seed, drawn } => {
                let (seed, first) = (*seed, drawn.fetch_add(rows as u64, Ordering::Relaxed));
                Box::new(move |row| random(seed, 0, first as usize + row))
            }
            Draw::ByRow => {
                let seeds = Numbers::<Int32Type>::of(&args[0])?;
                Box::new(move |row| random(seeds.get(row).unwrap_or(0) as u64, 0, 0))
            }
        })
    }
}

/// From 0, inclusive, to 1, exclusive.
fn rand(call: &Binding<'_>) -> Result<Kernel> {
    let draw = Draw::of(call, true);
    Ok(Box::new(move |args, rows, cx| {
        let random = draw.numbers(args, rows, cx)?;
        Ok(numbers::<Float64Type>(rows, |row| Some((random(row) >> 11) as f64 / (1u64 << 53) as f64)))
    }))
}

fn rand_integer(call: &Binding<'_>) -> Result<Kernel> {
    let draw = Draw::of(call, false);
    Ok(Box::new(move |args, rows, cx| {
        let bound = Numbers::<Int32Type>::of(&args[args.len() - 1])?;
        let random = draw.numbers(args, rows, cx)?;
        Ok(numbers::<Int32Type>(rows, |row| {
            let bound = bound.get(row)?;
            (bound > 0).then(|| (random(row) % bound as u64) as i32)
        }))
    }))
}

/// A version 4 UUID.
fn uuid(site: u64) -> Result<Kernel> {
    Ok(Box::new(move |_, rows, cx| {
        use std::fmt::Write;
        Ok(written_texts(rows, |row, text| {
            let high = random(cx.random_seed, site, 2 * row) & !0xf000 | 0x4000;
            let low = random(cx.random_seed, site, 2 * row + 1) & !(0b11 << 62) | 0b10 << 62;
            write!(
                text,
                "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
                high >> 32,
                high >> 16 & 0xffff,
                high & 0xffff,
                low >> 48,
                low & 0xffff_ffff_ffff
            )
            .is_ok()
        }))
    }))
}

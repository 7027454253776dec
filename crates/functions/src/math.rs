//! Mathematics: roots, powers, logarithms, trigonometry, random numbers.

use arrow::array::{ArrayRef, Float64Array};
use arrow::datatypes::{Float64Type, Int32Type, Int64Type};
use std::sync::Arc;
use tidemill_core::Result;
use tidemill_expr::{Arg, Kernel, Operand, Output, Registry, Signature, SqlType, TypeKind, Volatility};

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
    registry.add_scalar(Function::new("RAND", infer_rand, |call| rand(call.site)).volatility(Volatility::Volatile));
    registry.add_scalar(
        Function::new("RAND_INTEGER", infer_rand_integer, |call| rand_integer(call.site))
            .volatility(Volatility::Volatile),
    );
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
    x = x.wrapping_add((row as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}

/// From 0, inclusive, to 1, exclusive. A seed as an argument chooses another sequence.
fn rand(site: u64) -> Result<Kernel> {
    Ok(Box::new(move |args, rows, cx| {
        let seed = args.first().map(Numbers::<Int32Type>::of).transpose()?;
        let seed = seed.and_then(|seed| seed.get(0)).unwrap_or(0);
        Ok(numbers::<Float64Type>(rows, |row| {
            Some((random(cx.random_seed ^ seed as u64, site, row) >> 11) as f64 / (1u64 << 53) as f64)
        }))
    }))
}

fn rand_integer(site: u64) -> Result<Kernel> {
    Ok(Box::new(move |args, rows, cx| {
        let bound = Numbers::<Int32Type>::of(&args[args.len() - 1])?;
        Ok(numbers::<Int32Type>(rows, |row| {
            let bound = bound.get(row)?;
            (bound > 0).then(|| (random(cx.random_seed, site, row) % bound as u64) as i32)
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

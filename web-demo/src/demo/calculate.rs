//! Arithmetic on 64-bit integers.

use crate::api::{MathError, Operator};

/// Returns the exact result, or an error if it does not fit.
pub(super) fn calculate(left: i64, operator: Operator, right: i64) -> Result<i64, MathError> {
    // No operation on 64-bit integers overflows 128 bits.
    let (left, right) = (i128::from(left), i128::from(right));
    let exact = match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide => left.checked_div(right).ok_or(MathError::DivisionByZero)?,
    };
    i64::try_from(exact).map_err(|_| MathError::Overflow { exact })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calculates() {
        assert_eq!(calculate(2, Operator::Add, 3), Ok(5));
        assert_eq!(calculate(2, Operator::Subtract, 3), Ok(-1));
        assert_eq!(calculate(-2, Operator::Multiply, 3), Ok(-6));
        assert_eq!(calculate(-7, Operator::Divide, 2), Ok(-3));
    }

    #[test]
    fn rejects_division_by_zero() {
        assert_eq!(
            calculate(1, Operator::Divide, 0),
            Err(MathError::DivisionByZero)
        );
    }

    #[test]
    fn overflow_carries_the_exact_result() {
        let overflow = |exact| Err(MathError::Overflow { exact });
        let (min, max) = (i128::from(i64::MIN), i128::from(i64::MAX));
        assert_eq!(calculate(i64::MAX, Operator::Add, 1), overflow(max + 1));
        assert_eq!(
            calculate(i64::MIN, Operator::Multiply, i64::MIN),
            overflow(min * min)
        );
        assert_eq!(calculate(i64::MIN, Operator::Divide, -1), overflow(-min));
    }
}

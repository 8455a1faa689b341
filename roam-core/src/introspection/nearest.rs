//! Finds the name that was probably meant.

/// Longer names are not compared: a name from the peer may have any length.
const MAX_LEN: usize = 64;

/// Returns the candidate nearest to `name`, if it is similar enough.
pub(super) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let len = name.chars().count();
    let near = |candidate: &&str| {
        let longest = len.max(candidate.chars().count());
        longest <= MAX_LEN && distance(name, candidate) <= (longest / 3).max(1)
    };
    let candidates = candidates.into_iter().filter(near);
    candidates.min_by_key(|candidate| distance(name, candidate))
}

/// Returns the edit distance between two names, ignoring case: how many characters to insert,
/// remove or replace.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.to_lowercase().chars().collect();
    // The distances from the part of `a` read so far to all prefixes of `b`.
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (read, x) in a.to_lowercase().chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], read + 1);
        for (at, &y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[at + 1];
            row[at + 1] = replaced.min(diagonal + 1).min(row[at] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_edits() {
        assert_eq!(distance("start", "start"), 0);
        assert_eq!(distance("start", "Starts"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
    }

    #[test]
    fn nearest_is_similar_or_none() {
        let candidates = ["divide", "sum", "generate"];
        assert_eq!(nearest("divid", candidates), Some("divide"));
        assert_eq!(nearest("sums", candidates), Some("sum"));
        assert_eq!(nearest("upload", candidates), None);
        assert_eq!(nearest("", candidates), None);
        let long = "x".repeat(100_000);
        assert_eq!(nearest("x", [&*long]), None);
    }
}

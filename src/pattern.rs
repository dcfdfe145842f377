//! Host patterns, as `ssh_config(5)` defines them: `*`, `?`, and `!` to take a host out.

/// Whether `host` is one of those that `patterns` mean. A pattern with `!` that matches decides.
#[must_use]
pub fn host_matches(patterns: &[String], host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let mut matched = false;
    for pattern in patterns {
        let pattern = pattern.to_ascii_lowercase();
        match pattern.strip_prefix('!') {
            Some(excluded) if glob(excluded.as_bytes(), host.as_bytes()) => return false,
            Some(_) => {}
            None => matched |= glob(pattern.as_bytes(), host.as_bytes()),
        }
    }
    matched
}

/// Whether `text` is what `pattern` means, in which `*` and `?` are wildcards. Case counts.
#[must_use]
pub fn wildcard_matches(pattern: &str, text: &str) -> bool {
    glob(pattern.as_bytes(), text.as_bytes())
}

/// Matches with at most one step back per `*`, so hostile names cost no more than length squared.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p + 1, t));
                p += 1;
            }
            Some(c) if *c == b'?' || Some(c) == text.get(t) => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((after, from)) = star else {
                    return false;
                };
                star = Some((after, from + 1));
                p = after;
                t = from + 1;
            }
        }
    }
    pattern.iter().skip(p).all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(patterns: &[&str], host: &str) -> bool {
        let patterns: Vec<String> = patterns.iter().map(|p| (*p).to_owned()).collect();
        host_matches(&patterns, host)
    }

    #[test]
    fn a_star_stands_for_any_run_of_characters() {
        assert!(matches(&["web*.contoso.com"], "web01.contoso.com"));
        assert!(matches(&["web*.contoso.com"], "WEB.contoso.com"));
        assert!(!matches(&["web*.contoso.com"], "db01.contoso.com"));
        assert!(!matches(
            &["web*.contoso.com"],
            "web01.contoso.com.evil.example"
        ));
        assert!(matches(&["*"], ""));
    }

    #[test]
    fn an_excluded_host_stays_excluded_wherever_the_exclusion_stands() {
        assert!(!matches(&["*", "!db"], "db"));
        assert!(!matches(&["!db", "*"], "db"));
        assert!(matches(&["!db", "*"], "web"));
        assert!(!matches(&["!db"], "web"));
    }

    /// What a pattern means, spelled out: each `*` is tried with every length.
    fn model(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), None) => model(rest, text),
            (Some((b'*', rest)), Some((_, tail))) => model(rest, text) || model(pattern, tail),
            (Some((c, rest)), Some((d, tail))) => (*c == b'?' || c == d) && model(rest, tail),
            (None, Some(_)) | (Some(_), None) => false,
        }
    }

    proptest! {
        #[test]
        fn a_list_of_patterns_means_one_that_matches_and_none_that_takes_it_out(
            patterns in proptest::collection::vec("!?[abA.?*]{0,5}", 0..5), host in "[abB.]{0,6}",
        ) {
            let low = |text: &str| text.to_ascii_lowercase().into_bytes();
            let (out, of): (Vec<_>, Vec<_>) = patterns.iter().partition(|it| it.starts_with('!'));
            let expected = of.iter().any(|it| model(&low(it), &low(&host)))
                && !out.iter().any(|it| model(&low(&it[1..]), &low(&host)));
            prop_assert_eq!(host_matches(&patterns, &host), expected);
        }

        #[test]
        fn a_pattern_without_wildcards_matches_only_itself(a in "[a-z.]{1,8}", b in "[a-z.]{1,8}") {
            prop_assert_eq!(matches(&[&a], &b), a == b);
        }

        #[test]
        fn a_star_between_two_halves_matches_whatever_is_put_there(
            head in "[a-z]{0,4}", middle in "[a-z.]{0,6}", tail in "[a-z]{0,4}",
        ) {
            let pattern = format!("{head}*{tail}");
            let host = format!("{head}{middle}{tail}");
            prop_assert!(matches(&[&pattern], &host));
        }
    }
}

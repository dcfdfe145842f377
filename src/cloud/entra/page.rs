//! The pages that the browser ends on: static, without script, and with nothing from elsewhere.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::markup::escaped;
use crate::refusal::Refusal;

/// A page.
pub(super) struct Page {
    mark: &'static str,
    title: &'static str,
    /// Paragraphs, in HTML.
    body: String,
}

impl Page {
    /// The person is done.
    pub(super) fn done() -> Self {
        Self {
            mark: "done",
            title: "You are signed in",
            body: "<p>pimento goes on by itself. You can close this tab.</p>".to_owned(),
        }
    }

    /// The sign-in failed.
    pub(super) fn failed(refusal: &Refusal) -> Self {
        Self {
            mark: "failed",
            title: "The sign-in failed",
            body: format!(
                "<p>{}.</p><h2>What you can do</h2><p>{}.</p><p>You can close this tab.</p>",
                text(&sentence(&refusal.to_string())),
                text(&sentence(&refusal.advice()))
            ),
        }
    }

    /// Not the page of a sign-in that is waited for.
    pub(super) fn stray() -> Self {
        Self {
            mark: "failed",
            title: "Nothing is expected here",
            body: "<p>This address belongs to a sign-in to pimento, and what came is not of it: \
                   perhaps of an earlier one. Nothing was changed.</p><h2>What you can do</h2>\
                   <p>Finish the sign-in in the tab that was opened last, or begin it again with \
                   <code>pimento login</code>.</p>"
                .to_owned(),
        }
    }

    /// The whole HTTP answer.
    pub(super) fn response(&self, status: &str) -> String {
        let Self { mark, title, body } = self;
        let page = format!(
            "<!doctype html><html lang=en><meta charset=utf-8>\
             <meta name=viewport content=\"width=device-width\"><title>{title} - pimento</title>\
             <style>{STYLE}</style><main class={mark}><h1>{title}</h1>{body}\
             <footer>pimento, on this computer</footer></main></html>"
        );
        let style = STANDARD.encode(Sha256::digest(STYLE));
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\n\
             Content-Length: {}\r\nCache-Control: no-store\r\nReferrer-Policy: no-referrer\r\n\
             X-Content-Type-Options: nosniff\r\n\
             Content-Security-Policy: default-src 'none'; style-src 'sha256-{style}'; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n\
             Connection: close\r\n\r\n{page}",
            page.len()
        )
    }
}

/// What is told elsewhere behind a colon, as a sentence.
fn sentence(text: &str) -> String {
    let mut rest = text.chars();
    let first = rest.next().into_iter().flat_map(char::to_uppercase);
    first.chain(rest.clone()).collect()
}

/// Plain text as HTML: what stands in backticks is code, and an address can be followed.
fn text(plain: &str) -> String {
    let mut html = String::new();
    for (index, part) in plain.split('`').enumerate() {
        let part = escaped(part);
        if index % 2 == 1 {
            html.push_str(&format!("<code>{part}</code>"));
            continue;
        }
        let word = |word: &str| match word.starts_with("https://") {
            true => format!("<a href=\"{word}\">{word}</a>"),
            false => word.to_owned(),
        };
        let words: Vec<String> = part.split(' ').map(word).collect();
        html.push_str(&words.join(" "));
    }
    html
}

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1b1f24;--dim:#59636e;--paper:#fff;--desk:#f2f4f7;--line:#d5dae0;\
--code:#eceff3}\
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ed;--dim:#9aa4af;--paper:#1c2026;--desk:#121519;\
--line:#343b44;--code:#2a3038}}\
body{margin:0;padding:10vh 1rem;background:var(--desk);color:var(--ink);\
font:1rem/1.55 system-ui,-apple-system,\"Segoe UI\",sans-serif}\
main{max-width:34rem;margin:0 auto;padding:2rem 2.25rem 1.5rem;background:var(--paper);\
border:1px solid var(--line);border-radius:12px;overflow-wrap:anywhere}\
h1{margin:0 0 .75rem;font-size:1.5rem;line-height:1.3}\
h1::before{display:inline-block;width:1.5em;margin-right:.5em;border-radius:50%;color:#fff;\
font-weight:700;font-size:.85em;line-height:1.5;text-align:center}\
.done h1::before{content:\"\\2713\";background:#1a7f37}\
.failed h1::before{content:\"!\";background:#cf222e}\
h2{margin:1.5rem 0 .25rem;font-size:1rem}p{margin:0 0 .75rem}\
code{padding:.1em .35em;display:inline-block;max-width:100%;border-radius:5px;background:var(--code);font:.9em ui-monospace,monospace}\
footer{margin-top:1.5rem;padding-top:1rem;border-top:1px solid var(--line);color:var(--dim);\
font-size:.875rem}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_service_says_is_text_and_never_markup() {
        let told = text("<script>alert(\"x\")</script> & `pimento login <x>`");
        assert_eq!(
            told,
            "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; \
             <code>pimento login &lt;x&gt;</code>"
        );
        let link = text("an administrator opens https://login.example/a?b=c&d=\"e");
        assert!(
            link.contains("<a href=\"https://login.example/a?b=c&amp;d=&quot;e\">"),
            "{link}"
        );
        assert!(!text("javascript:alert(1) http://x").contains("<a "));
    }

    #[test]
    fn a_page_allows_its_own_style_and_nothing_else() {
        let response = Page::done().response("200 OK");
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        assert!(
            head.contains("default-src 'none'; style-src 'sha256-"),
            "{head}"
        );
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())));
        for foreign in ["<script", "http:", "https:", "src=", "@import", "url("] {
            assert!(!body.contains(foreign), "{foreign}");
        }
    }
}

//! The pages a person sees.

use crate::markup::escaped;

/// The sign-in page; `carried` is the authorization request, `problem` what went wrong before.
pub(super) fn sign_in(tenant: &str, carried: &str, user: &str, problem: &str) -> String {
    let (carried, user, problem) = (escaped(carried), escaped(user), escaped(problem));
    page(&format!(
        "<h1>Sign in</h1><p id=problem>{problem}</p>\
         <form method=post action=\"/{tenant}/login\">\
         <input type=hidden name=request value=\"{carried}\">\
         <label>User <input name=username value=\"{user}\" autofocus></label>\
         <label>Password <input name=password type=password></label>\
         <button name=action value=signin>Sign in</button> \
         <button name=action value=cancel>Cancel</button></form>"
    ))
}

/// The page that takes a device code.
pub(super) fn device(text: &str) -> String {
    let text = escaped(text);
    page(&format!(
        "<h1>Enter code</h1><p id=problem>{text}</p>\
         <form method=post action=\"/common/oauth2/deviceauth\">\
         <label>Code <input name=user_code autofocus></label>\
         <label>User <input name=username></label>\
         <label>Password <input name=password type=password></label>\
         <button name=action value=signin>Sign in</button> \
         <button name=action value=cancel>Cancel</button></form>"
    ))
}

/// The page where nothing is left to do.
pub(super) fn done(text: &str) -> String {
    page(&format!("<h1>Done</h1><p>{}</p>", escaped(text)))
}

/// The page for a request that cannot be answered with a redirect.
pub(super) fn error(code: u32, text: &str) -> String {
    page(&format!(
        "<h1>Sorry, but we are having trouble signing you in.</h1><p>AADSTS{code}: {}</p>",
        escaped(text)
    ))
}

fn page(body: &str) -> String {
    format!(
        "<!doctype html><meta charset=utf-8><title>Sign in (pimento emulator)</title>\
         <style>body{{font:16px system-ui;max-width:24em;margin:4em auto}}\
         label{{display:block;margin:.5em 0}}</style>{body}"
    )
}

// SPDX-License-Identifier: Apache-2.0
// The official Rust library as a judge: JSON lines in, "ok" or the error per line out.
use base64::Engine;
use std::io::BufRead;

fn judge(line: &str) -> Result<(), Box<dyn std::error::Error>> {
    let d: serde_json::Value = serde_json::from_str(line)?;
    let text = |name: &str| d[name].as_str().unwrap_or_default().to_owned();
    let body = base64::engine::general_purpose::STANDARD.decode(text("body_base64"))?;
    let mut headers = http::HeaderMap::new();
    headers.insert("webhook-id", text("id").parse()?);
    headers.insert("webhook-timestamp", text("timestamp").parse()?);
    headers.insert("webhook-signature", text("signature").parse()?);
    standardwebhooks::Webhook::new(&text("secret"))?.verify(&body, &headers)?;
    Ok(())
}

fn main() {
    for line in std::io::stdin().lock().lines() {
        match judge(&line.expect("standard input is text")) {
            Ok(()) => println!("ok"),
            Err(error) => println!("error: {error}"),
        }
    }
}

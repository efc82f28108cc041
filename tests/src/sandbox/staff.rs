//! What people in front of the consoles do, through the same API.

use anyhow::Context;
use serde_json::{Value, json};
use url::Url;

use super::http::{Http, below, expect_json, text};

/// The checks that reviewers pass; the fourth, residence, is the letter.
pub const REVIEWED_CHECKS: [&str; 3] =
    ["identity_document", "name_identification", "asf_collation"];

/// A member of staff who has logged in.
#[derive(Clone)]
pub struct Staff {
    http: Http,
    base: Url,
    token: String,
}

/// An offer and the code that travels in the letter.
#[derive(Clone, Debug)]
pub struct Offer {
    /// `openid-credential-offer://…`
    pub offer: String,
    /// Six digits.
    pub tx_code: String,
}

impl Staff {
    /// Logs in at the issuer or at a company.
    pub async fn log_in(
        http: &Http,
        base: &Url,
        name: &str,
        passphrase: &str,
    ) -> anyhow::Result<Self> {
        let body = json!({"name": name, "passphrase": passphrase});
        let session = http
            .post_json(&below(base, "staff/sessions")?, &body)
            .await
            .context("staff log-in")?;
        let token = text(&session, "token")?.to_owned();
        Ok(Self {
            http: http.clone(),
            base: base.clone(),
            token,
        })
    }

    /// GET below `/staff/`.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let url = below(&self.base, &format!("staff/{path}"))?;
        let answer = self
            .http
            .send(self.http.getting(&url).bearer_auth(&self.token))
            .await?;
        expect_json(&answer).with_context(|| format!("staff: GET {path}"))
    }

    /// POST below `/staff/`.
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let url = below(&self.base, &format!("staff/{path}"))?;
        let answer = self
            .http
            .send(self.http.posting(&url).bearer_auth(&self.token).json(body))
            .await?;
        expect_json(&answer).with_context(|| format!("staff: POST {path}"))
    }

    /// A reviewer opens a case and reads it.
    pub async fn read_case(&self, case: &str) -> anyhow::Result<Value> {
        self.get(&format!("cases/{case}")).await
    }

    /// A reviewer passes one check.
    pub async fn pass_check(&self, case: &str, process: &str) -> anyhow::Result<()> {
        self.post(
            &format!("cases/{case}/checks/{process}"),
            &json!({"result": "passed"}),
        )
        .await
        .map(drop)
    }

    /// A reviewer makes the offer and prints the letter.
    pub async fn make_offer(&self, case: &str) -> anyhow::Result<Offer> {
        let made = self
            .post(&format!("cases/{case}/offer"), &json!({}))
            .await?;
        Ok(Offer {
            offer: text(&made, "offer")?.to_owned(),
            tx_code: text(&made, "tx_code")?.to_owned(),
        })
    }

    /// The issuer's staff revoke what was issued in a case.
    pub async fn revoke(&self, case: &str) -> anyhow::Result<()> {
        self.post(&format!("cases/{case}/revoke"), &json!({}))
            .await
            .map(drop)
    }

    /// A company's staff read an application.
    pub async fn read_application(&self, application: &str) -> anyhow::Result<Value> {
        self.get(&format!("applications/{application}")).await
    }

    /// A company's staff decide: `opened` or `declined`.
    pub async fn decide(&self, application: &str, result: &str) -> anyhow::Result<()> {
        self.post(
            &format!("applications/{application}/decision"),
            &json!({"result": result}),
        )
        .await
        .map(drop)
    }
}

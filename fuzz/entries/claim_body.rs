//! Any bytes as the body of a claim: reading them never panics, and no answer repeats a verifier.

use ownergate::secret::claim::{Said, challenge_of};

/// Reads it as a form and as JSON.
pub(crate) fn run(data: &[u8]) {
    for said in [Said::from_form(data), Said::from_json(data)] {
        let Ok(said) = said else { continue };
        if let Some(challenge) = challenge_of(&said.verifier) {
            assert_eq!(challenge.len(), 43);
            assert_ne!(challenge, said.verifier.as_str());
        }
    }
}

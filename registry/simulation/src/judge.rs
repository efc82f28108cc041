//! What is checked after a run.

use crate::{
    check,
    network::name,
    plan::{Lie, Plan},
    run::Story,
};
use protocol::registry::{checkpoint::Committees, receipt::verify_receipt};

impl Story {
    /// Checks every invariant.
    pub(crate) fn check(&mut self, plan: &Plan) {
        let desk = self.cluster.desk.clone();
        let replicas = self.honest(plan).into_iter();
        let replicas: Vec<_> = replicas
            .filter_map(|member| Some(desk.node(member)?.replica))
            .collect();
        let ledgers: Vec<_> = replicas
            .iter()
            .map(|replica| check::entries(replica))
            .collect();
        let mut found = desk.violations();
        found.extend(check::n1_agreement(&ledgers));
        let first = ledgers.first().zip(replicas.first());
        if let Some((ledger, node)) = first
            && let Some(latest) = node.latest()
        {
            self.outcome.records = ledger.len();
            self.outcome.blocks = latest.checkpoint.checkpoint().height;
            let receipts = desk.receipts();
            let (records, unsigned) = check::n2_signatures(&self.network, ledger);
            let (committees, broken) =
                check::n2_n5_again(&self.network, &records, &latest.checkpoint);
            found.extend(unsigned.into_iter().chain(broken));
            found.extend(check::n4_n5_order(&records));
            found.extend(check::n3_durability(&committees, ledger, &receipts));
            for (record, receipt) in desk.unread() {
                if let Err(error) = verify_receipt(&receipt, &record, &committees) {
                    found.push(format!("N3: a receipt does not hold: {error}"));
                }
            }
            let seen = check::n6_n7_append_only(&committees, ledger, &receipts, node);
            found.extend(seen);
            let height = latest.checkpoint.checkpoint().height;
            if desk.reader.committees().at(height) != committees.at(height) {
                found.push(
                    "N6: who began with the genesis file lost track of the members".to_owned(),
                );
            }
            found.extend(self.n8_n9_signatures(plan, &committees));
        }
        if self.outcome.records == 0 {
            found.push("no record was final: the run does not count".to_owned());
        }
        // What a garbler passes on of others was never signed like that.
        if !matches!(plan.liar, Some((_, Lie::Garbles))) {
            let liar = plan.liar().map(name);
            found.extend(self.cluster.witness.disagreements(liar.as_deref()));
        }
        found.extend(self.n9_votes(plan));
        self.count();
        self.outcome.violations.extend(found);
    }

    /// N8 and N9: whoever signed two ledgers is shown to have done so, and of the honest nobody did.
    fn n8_n9_signatures(&mut self, plan: &Plan, committees: &Committees) -> Vec<String> {
        let forgers = self.cluster.witness.forgers(committees);
        let mut found = Vec::new();
        let liar = plan.liar().map(name);
        for forger in forgers
            .iter()
            .filter(|forger| Some(*forger) != liar.as_ref())
        {
            found.push(format!("N9: {forger} signed two ledgers"));
        }
        if let Some((_, Lie::Forks)) = plan.liar {
            if forgers.is_empty() {
                found.push("N8: nothing shows who signed two ledgers".to_owned());
            } else {
                self.fired("forker shown to all");
            }
        }
        found
    }

    /// N9: no honest member contradicted a vote of its own.
    fn n9_votes(&self, plan: &Plan) -> Vec<String> {
        let members = self.cluster.world.contradictions().into_iter();
        members
            .filter(|member| Some(*member) != plan.liar())
            .map(|member| format!("N9: member {member} contradicted a vote of its own"))
            .collect()
    }

    fn count(&mut self) {
        let counts = self.cluster.world.counts();
        for (name, count) in [
            ("garbled messages", counts.garbled),
            ("withheld messages", counts.withheld),
            ("contradicted votes", counts.contradicted),
            ("votes heard", counts.votes),
        ] {
            *self.outcome.fired.entry(name).or_default() += count;
        }
        for decision in self.cluster.desk.decisions() {
            self.fired(decision);
        }
    }
}

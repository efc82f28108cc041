// The form of the page that checks receipts: reads what was given, fetches what everybody may see, and shows what check.mjs finds.
// All words are in the page already; texts are set as text and never as markup.
import { Refused, verify } from "./check.mjs";

const FILE_BYTES_MAX = 128 * 1024;
const HANDOVER_ROUNDS_MAX = 10_000;
const JAPAN_OFFSET_SECONDS = 9 * 3600;
// The step after each, so that what was not reached is shown as not done.
const STEPS = ["form", "network", "members", "signatures", "inclusion", "record"];
// What keeps a receipt from being checked, and says nothing against it.
const UNDECIDED = ["browser", "unreachable", "record_missing", "receipt_empty"];

const form = document.getElementById("check");
const result = document.getElementById("result");
const verdict = document.getElementById("verdict");
const sentences = new Map(
  [...document.querySelectorAll("#sentences > div")].map((row) => [row.children[0].textContent, row.children[1].textContent]),
);

function say(code, values = {}) {
  return (sentences.get(code) ?? code).replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

function show(element, state, detail) {
  element.dataset.state = state;
  element.querySelector(".mark").textContent = { passed: "✓", failed: "×", unknown: "?" }[state] ?? "";
  element.querySelector(".detail").textContent = detail;
}

function conclude(state, title, detail) {
  verdict.className = `verdict ${{ passed: "well", failed: "ill", unknown: "weak" }[state] ?? ""}`;
  show(verdict, state, detail);
  verdict.querySelector(".title").textContent = title;
}

const stepOf = (name) => document.querySelector(`#steps [data-step="${name}"]`);

function passed(name, values) {
  let code = `${name}_passed`;
  const told = { ...values };
  if (name === "network" && values.compared) code = "network_compared";
  if (name === "signatures") told.names = values.names.join(", ");
  if (name === "record") told.kind = say(`kind_${values.kind}`);
  show(stepOf(name), "passed", say(code, told));
}

function inJapan(seconds) {
  return new Date((Number(seconds) + JAPAN_OFFSET_SECONDS) * 1000).toISOString().slice(0, 19).replace("T", " ");
}

async function fetched(path, missing = "unreachable") {
  let answer;
  try {
    answer = await fetch(path, { cache: "no-store" });
  } catch {
    throw new Refused("unreachable");
  }
  if (!answer.ok) throw new Refused(answer.status === 404 ? missing : "unreachable");
  return new Uint8Array(await answer.arrayBuffer());
}

/** All changes of members so far, the oldest first. */
async function allHandovers() {
  const all = [];
  let from = 0n;
  for (let round = 0; round < HANDOVER_ROUNDS_MAX; round += 1) {
    const page = await fetched(`/handovers?from=${from}`);
    const { handovers } = JSON.parse(new TextDecoder().decode(page));
    if (handovers.length === 0) break;
    all.push(...handovers);
    from = BigInt(/\nheight ([0-9]{1,20})\n/.exec(handovers.at(-1).checkpoint)?.[1] ?? 0) + 1n;
  }
  return all;
}

async function fileOf(id) {
  const [file] = document.getElementById(id).files;
  if (file === undefined) return undefined;
  if (file.size > FILE_BYTES_MAX) throw new Refused(id === "record-file" ? "record_malformed" : "receipt_malformed");
  return new Uint8Array(await file.arrayBuffer());
}

async function given() {
  const pasted = document.getElementById("receipt").value.replaceAll("\r\n", "\n").trim();
  // A receipt ends with a line feed, which copying may lose.
  const receipt = pasted === "" ? await fileOf("receipt-file") : new TextEncoder().encode(`${pasted}\n`);
  if (receipt === undefined) throw new Refused("receipt_empty");
  const own = await fileOf("record-file");
  return {
    receipt,
    fingerprint: document.getElementById("fingerprint-known").value.replace(/[\s,-]/g, "").toLowerCase(),
    record: async (index) => own ?? fetched(`/entries/${index}`, "record_missing"),
    genesis: await fetched("/genesis"),
    handovers: await allHandovers(),
  };
}

async function run() {
  for (const step of document.querySelectorAll("#steps li")) show(step, "", "");
  result.hidden = false;
  conclude("", say("working"), "");
  try {
    const { index, time } = await verify(await given(), passed);
    conclude("passed", say("genuine"), say("genuine_detail", { index, time: inJapan(time) }));
  } catch (error) {
    const code = error instanceof Refused ? error.code : "unreachable";
    const reason = say(code, error.values);
    const state = UNDECIDED.includes(code) ? "unknown" : "failed";
    const reached = STEPS.find((name) => stepOf(name).dataset.state !== "passed");
    if (code !== "receipt_empty") show(stepOf(reached), state, reason);
    conclude(state, say(state === "failed" ? "false" : "unknown"), reason);
  }
  verdict.querySelector(".title").focus();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  run();
});
form.addEventListener("reset", (event) => {
  // Not back to the receipt that the address filled in, but empty.
  event.preventDefault();
  for (const field of form.querySelectorAll("textarea, input")) field.value = "";
  result.hidden = true;
});
form.hidden = false;

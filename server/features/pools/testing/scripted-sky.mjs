/**
 * Stands in for SkyPilot's program `sky`: takes options of its commands as `sky COMMAND --help` of 0.14.1 lists them and
 * refuses others, answers as that one did without a cloud, keeps clusters in a folder, and writes down how it was called.
 * It starts nothing.
 *
 * usage: node scripted-sky.mjs FOLDER COMMAND ...
 */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

const [folder = "", command = "", ...given] = process.argv.slice(2);
const flag = /** @type {const} */ ({ type: "boolean" });
const text = /** @type {const} */ ({ type: "string" });
const texts = /** @type {const} */ ({ type: "string", multiple: true });

/** @type {Record<string, import("node:util").ParseArgsConfig["options"]>} */
const OPTIONS = {
  launch: {
    yes: { ...flag, short: "y" },
    cluster: { ...text, short: "c" },
    "detach-run": { ...flag, short: "d" },
    async: flag,
    down: flag,
    dryrun: flag,
    env: texts,
    secret: texts,
  },
  status: { output: { ...text, short: "o" }, refresh: { ...flag, short: "r" } },
  down: { yes: { ...flag, short: "y" }, async: flag, purge: { ...flag, short: "p" } },
  logs: { "no-follow": flag, tail: text, provision: flag },
};

const STATE = join(folder, "clusters.json");
/** @returns {Record<string, { status: string, jobs: number }>} */
const readClusters = () => (existsSync(STATE) ? JSON.parse(readFileSync(STATE, "utf8")) : {});
/** @param {ReturnType<typeof readClusters>} clusters */
const keepClusters = (clusters) => writeFileSync(STATE, JSON.stringify(clusters));

/** @param {string[]} names */
const printBold = (names) => names.map((name) => `\u001b[1m${name}\u001b[0m`).join(", ");

/** @param {string} message @returns {never} */
function fail(message, code = 1) {
  process.stderr.write(`${message}\n`);
  process.exit(code);
}

function parse() {
  const options = OPTIONS[command];
  if (options === undefined) return fail(`Error: No such command '${command}'.`, 2);
  try {
    return parseArgs({ args: given, options, allowPositionals: true });
  } catch (error) {
    return fail(
      `Error: No such option: ${error instanceof Error ? error.message : given.join(" ")}`,
      2,
    );
  }
}

const { values, positionals } = parse();
const clusters = readClusters();
const [first = ""] = positionals;
if (["launch", "down"].includes(command) && !values.yes) fail("Aborted!");

if (command === "launch") {
  const task = readFileSync(first, "utf8");
  const secrets = /** @type {string[]} */ (values.secret ?? []).map((name) => {
    const value = process.env[name];
    return value ?? fail(`Error: ${name} is not set in local environment.`, 2);
  });
  const name = String(values.cluster);
  const call = { command, args: given, task, secrets };
  appendFileSync(join(folder, "calls.jsonl"), `${JSON.stringify(call)}\n`);
  if (task.includes("no-such-gpu")) fail("No resource satisfying the request is available.");
  if (values.dryrun) {
    process.stdout.write("Considered resources:\n...\nDryrun finished.\n");
  } else {
    const jobs = (clusters[name]?.jobs ?? 0) + 1;
    keepClusters({ ...clusters, [name]: { status: clusters[name]?.status ?? "INIT", jobs } });
    process.stdout.write("Submitted sky.launch request: 1\n");
  }
} else {
  appendFileSync(join(folder, "calls.jsonl"), `${JSON.stringify({ command, args: given })}\n`);
  if (command === "status") {
    const found = positionals.filter((name) => clusters[name] !== undefined);
    const missing = positionals.filter((name) => clusters[name] === undefined);
    if (missing.length > 0) process.stdout.write(`Cluster(s) not found: ${printBold(missing)}.\n`);
    const rows = found.map((name) => ({
      name,
      status: clusters[name]?.status,
      launched_at: 1_700_000_000,
    }));
    process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
  } else if (command === "down") {
    const { [first]: gone, ...left } = clusters;
    if (gone === undefined) process.stdout.write(`Cluster(s) not found: ${printBold([first])}.\n`);
    else if (gone.status !== "STUCK") keepClusters(left);
  } else {
    process.stdout.write(`Tailing logs of the last job on cluster '${first}'...\n`);
    if (clusters[first] === undefined)
      fail(`sky.exceptions.ClusterDoesNotExist: Cluster '${first}' does not exist.`);
    process.stdout.write("a line of the job\n".repeat(Number(values.tail)));
  }
}

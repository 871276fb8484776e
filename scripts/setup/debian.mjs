/** Debian packages without installing them: downloaded and unpacked into a folder of the project's own. */
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { SETUP_DIR } from "../../lib/paths.mjs";
import { capture } from "../lib/run.mjs";
import { StepError } from "./step.mjs";

export const DEBS_DIR = join(SETUP_DIR, "debs");

export const isDebian = () => existsSync("/etc/debian_version");
export const isRoot = () => process.getuid?.() === 0;

/** Library folder of this machine, e.g. x86_64-linux-gnu. */
export const findTriplet = () =>
  capture("gcc", ["-print-multiarch"]) ||
  `${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu`;

/** apt with package lists of its own, so that neither root nor the machine's lists are needed. */
function prepareApt() {
  const state = join(DEBS_DIR, "apt");
  for (const folder of ["lists/partial", "cache/archives/partial"])
    mkdirSync(join(state, folder), { recursive: true });
  return [
    "-o",
    `Dir::State::Lists=${join(state, "lists")}`,
    "-o",
    `Dir::Cache=${join(state, "cache")}`,
    "-o",
    "APT::Sandbox::User=",
  ];
}

/**
 * Unpacks Debian packages into DEBS_DIR.
 * @param {import("./step.mjs").StepContext} context
 * @param {string[]} packages
 */
export async function unpackDebs({ exec, fetch, note }, packages) {
  if (!isDebian())
    throw new StepError("this machine's packages cannot be used: it is not a Debian");
  const options = prepareApt();
  const downloads = join(DEBS_DIR, "downloads");
  mkdirSync(downloads, { recursive: true });
  note("reading Debian's package lists");
  await fetch("apt-get", [...options, "update"]);
  note(`fetching ${packages.join(", ")}`);
  await fetch("apt-get", [...options, "download", ...packages], { cwd: downloads });
  for (const file of readdirSync(downloads).filter((name) => name.endsWith(".deb"))) {
    await exec("dpkg-deb", ["-x", join(downloads, file), DEBS_DIR]);
  }
}

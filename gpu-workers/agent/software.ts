import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { ROOT, VENV_DIR } from "@/lib/paths.mjs";

const run = promisify(execFile);

/** Python packages that results may depend on. */
const PACKAGES = [
  "torch",
  "transformers",
  "tokenizers",
  "llguidance",
  "numpy",
  "onnxruntime",
  "ray",
];

/** Versions of what a run's results may depend on, by name; what is not found is left out. */
export async function readSoftware(): Promise<Record<string, string>> {
  const [commit, packages] = await Promise.all([readCommit(), readPackages()]);
  return { ...(commit && { commit }), node: process.version.slice(1), ...packages };
}

/** The commit of the checkout, with "+" where files were changed since; null outside of a checkout. */
async function readCommit(): Promise<string | null> {
  try {
    const { stdout } = await run(
      "git",
      ["-C", ROOT, "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty=+"],
      { timeout: 10_000 },
    );
    return stdout.trim() || null;
  } catch {
    return null;
  }
}

async function readPackages(): Promise<Record<string, string>> {
  const library = join(VENV_DIR, "lib");
  const [python] = await readdir(library).catch(() => []);
  if (python === undefined) return {};
  const folders = await readdir(join(library, python, "site-packages")).catch(() => []);
  const versions = folders.flatMap((folder) => {
    const [, name, version] = /^([^-]+)-(.+)\.dist-info$/.exec(folder) ?? [];
    return name !== undefined && version !== undefined && PACKAGES.includes(name)
      ? [[name, version] as const]
      : [];
  });
  return { python: python.replace("python", ""), ...Object.fromEntries(versions) };
}

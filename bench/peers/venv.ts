import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { PYTHON, ROOT } from "@/lib/paths.mjs";

const run = promisify(execFile);

/**
 * A Python environment of a bench's own under bench/.work, made from bench/requirements-NAME.txt once for each content
 * of that file. It sees the packages of the product's Python, so that both sides run the same torch.
 * @returns its interpreter.
 */
export async function ensurePeerPython(name: string): Promise<string> {
  const requirements = join(ROOT, "bench", `requirements-${name}.txt`);
  const folder = join(ROOT, "bench", ".work", `venv-${name}`);
  const python = join(folder, "bin", "python");
  const stamp = join(folder, "requirements.sha256");
  const wanted = createHash("sha256")
    .update(await readFile(requirements))
    .digest("hex");
  if ((await readFile(stamp, "utf8").catch(() => "")) === wanted) return python;
  console.log(`Installing the peer's packages into ${folder} (once)`);
  await rm(folder, { recursive: true, force: true });
  await mkdir(dirname(folder), { recursive: true });
  await run(PYTHON, ["-m", "venv", folder]);
  const [lib] = (await readdir(join(folder, "lib"))).filter((entry) => entry.startsWith("python"));
  const sitePackages = join("lib", lib ?? "", "site-packages");
  await writeFile(
    join(folder, sitePackages, "product.pth"),
    `${join(dirname(dirname(PYTHON)), sitePackages)}\n`,
  );
  await run(python, ["-m", "pip", "install", "--quiet", "--retries", "5", "-r", requirements], {
    maxBuffer: 64 * 1024 * 1024,
  });
  await writeFile(stamp, wanted);
  return python;
}

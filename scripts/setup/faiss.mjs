/**
 * Step for the FAISS addon of faiss-node: its prebuilt binary where that can be fetched and runs
 * here, else its own source compiled against Debian's FAISS. One file against Node's stable C
 * interface: the compiler is called directly, and the headers come from the package node-api-headers.
 */
import { copyFileSync, existsSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { inRoot } from "../lib/paths.mjs";
import { capture } from "../lib/run.mjs";
import { DEBS_DIR, triplet, unpackDebs } from "./debian.mjs";
import { findCompiler } from "./machine.mjs";
import { hashTexts, readStamp, writeStamp } from "./stamp.mjs";
import { StepError } from "./step.mjs";

const PACKAGE = inRoot("node_modules", "faiss-node");
const RELEASE = join(PACKAGE, "build", "Release");
const ADDON = join(RELEASE, "faiss-node.node");
const STAMP = join(RELEASE, "stamp");
const PREBUILT_TIMEOUT_MS = 30_000;

/** faiss-node was written for FAISS 1.7.4, where the id type moved; Debian has 1.7.3. */
const COMPATIBILITY = "#include <faiss/Index.h>\nnamespace faiss { using idx_t = Index::idx_t; }\n";

/** A search whose answer is known: the nearest of four unit vectors by inner product. */
const CHECK = `
const { IndexFlatIP } = require(${JSON.stringify(PACKAGE)});
const index = new IndexFlatIP(4);
for (let i = 0; i < 4; i++) index.add([0, 1, 2, 3].map((j) => (i === j ? 1 : 0)));
const { labels, distances } = index.search([0.1, 0.2, 0.9, 0.3], 2);
if (labels.join() !== "2,3" || Math.abs(distances[0] - 0.9) > 1e-6) throw new Error("wrong neighbours " + labels + " " + distances);
console.log("ok");
`;

/** Whether the addon loads and searches; in a process of its own, because a bad binary ends its process. */
const works = () => existsSync(ADDON) && capture(process.execPath, ["-e", CHECK])?.endsWith("ok") === true;

const inputs = () => hashTexts(readFileSync(join(PACKAGE, "package.json"), "utf8"), COMPATIBILITY, process.arch, process.platform);

/** Where FAISS's headers and libraries are: the machine's own, or unpacked by us. */
function findLibraries() {
  for (const root of ["/", DEBS_DIR]) {
    const lib = join(root, "usr", "lib", triplet());
    const openblas = [join(lib, "openblas-pthread", "libopenblas.so.0"), join(lib, "libopenblas.so.0")].find((file) => existsSync(file));
    if (existsSync(join(root, "usr", "include", "faiss", "Index.h")) && existsSync(join(lib, "libfaiss.a")) && openblas) {
      return { include: join(root, "usr", "include"), lib, openblas };
    }
  }
  return null;
}

/** Shared libraries that go beside the addon where the machine lacks them. */
function bundle(libraries) {
  if (!libraries.lib.startsWith(DEBS_DIR)) return;
  copyFileSync(realpathSync(libraries.openblas), join(RELEASE, "libopenblas.so.0"));
  for (const name of ["libgfortran.so.5", "libquadmath.so.0"]) {
    const file = join(libraries.lib, name);
    if (existsSync(file)) copyFileSync(realpathSync(file), join(RELEASE, name));
  }
}

async function build(context) {
  const compiler = findCompiler();
  if (compiler === null) throw new StepError("there is no C++ compiler", "install one (Debian: apt-get install -y g++), then run the same command again.");
  if (findLibraries() === null) {
    await unpackDebs(context, ["libfaiss-dev", "libopenblas0-pthread", "libgfortran5", ...(process.arch === "x64" ? ["libquadmath0"] : [])]);
  }
  const libraries = findLibraries();
  if (libraries === null) throw new StepError("Debian's FAISS packages hold no libfaiss.a and libopenblas.so.0");
  context.note("compiling");
  rmSync(RELEASE, { recursive: true, force: true });
  mkdirSync(RELEASE, { recursive: true });
  const header = join(RELEASE, "compatibility.h");
  writeFileSync(header, COMPATIBILITY);
  bundle(libraries);
  const partial = `${ADDON}.partial`;
  await context.exec(compiler, [
    "-std=c++17", "-O2", "-fPIC", "-shared", "-fexceptions", "-frtti", "-fopenmp",
    "-DNAPI_VERSION=6", "-DNODE_GYP_MODULE_NAME=faiss-node", "-DBUILDING_NODE_EXTENSION",
    "-I", inRoot("node_modules", "node-api-headers", "include"),
    "-I", inRoot("node_modules", "node-addon-api"),
    "-I", libraries.include,
    "-include", header,
    join(PACKAGE, "src", "faiss.cc"),
    join(libraries.lib, "libfaiss.a"), libraries.openblas, `-L${libraries.lib}`, "-lgomp",
    "-Wl,-rpath,$ORIGIN", `-Wl,-rpath-link,${libraries.lib}:${dirname(libraries.openblas)}`,
    "-o", partial,
  ]);
  renameSync(partial, ADDON);
}

export const faissStep = {
  id: "faiss",
  name: "FAISS addon",
  remedy: "on Debian or Ubuntu: apt-get install -y g++ libfaiss-dev libopenblas0-pthread, then run the same command again. Elsewhere the prebuilt binary from GitHub is needed: allow access to github.com.",
  done: () => {
    if (!existsSync(ADDON)) return "it is not built yet";
    return readStamp(STAMP) === inputs() || "its source has changed, or it was never checked";
  },
  run: async (context) => {
    if (!works()) {
      try {
        context.note("looking for a prebuilt binary");
        await context.exec(process.execPath, [inRoot("node_modules", "prebuild-install", "bin.js"), "--runtime", "napi", "--verbose"], { cwd: PACKAGE, timeoutMs: PREBUILT_TIMEOUT_MS });
      } catch {
        context.note("there is none to be had, building from source");
      }
    }
    if (!works()) await build(context);
    if (!works()) {
      const said = capture("sh", ["-c", `"$0" -e "$1" 2>&1 || true`, process.execPath, CHECK]);
      throw new StepError(`the addon does not find the nearest of four vectors: ${said?.split("\n").slice(-6).join(" ")}`);
    }
    writeStamp(STAMP, inputs());
  },
};

/**
 * Step for the FAISS addon: faiss-node's own source with our extension (gpu-workers/retrieval/indexes/faiss/addon),
 * compiled against Debian's FAISS. Its prebuilt binary lacks the extension. One file against Node's stable C interface:
 * the compiler is called directly, and the headers come from the package node-api-headers.
 */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { SETUP_DIR, resolveInRoot } from "../../lib/paths.mjs";
import { capture } from "../lib/run.mjs";
import { DEBS_DIR, findTriplet, unpackDebs } from "./debian.mjs";
import { findCompiler } from "./machine.mjs";
import { hashTexts, readStamp, writeStamp } from "./stamp.mjs";
import { StepError } from "./step.mjs";

const SOURCE = resolveInRoot("node_modules", "faiss-node", "src", "faiss.cc");
const EXTENSION = resolveInRoot("gpu-workers", "retrieval", "indexes", "faiss", "addon");
const FOLDER = join(SETUP_DIR, "faiss");
const ADDON = join(FOLDER, "faiss.node");
const STAMP = join(FOLDER, "stamp");

/** faiss-node was written for FAISS 1.7.4, where the id type moved; Debian 12 has 1.7.3. */
const COMPATIBILITY = `#include <faiss/Index.h>
#if FAISS_VERSION_MAJOR == 1 && (FAISS_VERSION_MINOR < 7 || (FAISS_VERSION_MINOR == 7 && FAISS_VERSION_PATCH < 4))
namespace faiss { using idx_t = Index::idx_t; }
#endif
`;

/** The patch of faiss-node: its Init calls our extension. Each text must be there exactly once. */
export const PATCH = /** @type {[string, string][]} */ ([
  [
    "Napi::Object Init(Napi::Env env, Napi::Object exports)\n{\n  Index::Init",
    "void addExtension(Napi::Env env, Napi::Object exports);\n\nNapi::Object Init(Napi::Env env, Napi::Object exports)\n{\n  addExtension(env, exports);\n  Index::Init",
  ],
]);

/** A source with its patch. @throws {StepError} where the source is not the one that the patch was made for. */
export function applyPatch(/** @type {string} */ source, /** @type {typeof PATCH} */ patch) {
  return patch.reduce((/** @type {string} */ text, [from, to]) => {
    if (text.split(from).length !== 2)
      throw new StepError("faiss-node's source is not the one that our patch was made for");
    return text.replace(from, () => to);
  }, source);
}

/** A search whose answer is known: the nearest of four unit vectors by inner product. */
const CHECK = `
const { VectorIndex } = require(process.argv[1]);
const index = new VectorIndex(4, "Flat");
index.add(Float32Array.from({ length: 16 }, (_, i) => (i % 5 === 0 ? 1 : 0)));
const { rows, scores } = index.search(Float32Array.of(0.1, 0.2, 0.9, 0.3), 2);
if (rows.join() !== "2,3" || Math.abs(scores[0] - 0.9) > 1e-6) throw new Error("wrong neighbours " + rows + " " + scores);
console.log("ok");
`;

/** An exception that cannot be told because its worker thread is being ended is dropped, not the end of the process. */
const FLAGS = [
  "-std=gnu++17",
  "-O3",
  "-fPIC",
  "-shared",
  "-fexceptions",
  "-frtti",
  "-fopenmp",
  "-Wno-psabi",
  "-Wno-ignored-attributes",
  "-DNAPI_VERSION=6",
  "-DNODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS",
  "-DNODE_GYP_MODULE_NAME=faiss-node",
  "-DBUILDING_NODE_EXTENSION",
];

/** Whether an addon loads and searches; in a process of its own, because a bad binary ends its process. */
const works = (/** @type {string} */ addon) =>
  existsSync(addon) && capture(process.execPath, ["-e", CHECK, addon])?.endsWith("ok") === true;

const readExtensionSources = () =>
  ["extension.cc", "flat.h"].map((name) => readFileSync(join(EXTENSION, name), "utf8"));
const hashInputs = () =>
  hashTexts(
    readFileSync(SOURCE, "utf8"),
    ...readExtensionSources(),
    COMPATIBILITY,
    JSON.stringify(PATCH),
    FLAGS.join(" "),
    process.arch,
    process.platform,
  );

/** Where FAISS's headers and libraries are: the machine's own, or unpacked by us. */
function findLibraries() {
  for (const root of ["/", DEBS_DIR]) {
    const lib = join(root, "usr", "lib", findTriplet());
    const openblas = [
      join(lib, "openblas-pthread", "libopenblas.so.0"),
      join(lib, "libopenblas.so.0"),
    ].find((file) => existsSync(file));
    if (
      existsSync(join(root, "usr", "include", "faiss", "Index.h")) &&
      existsSync(join(lib, "libfaiss.a")) &&
      openblas
    ) {
      return { include: join(root, "usr", "include"), lib, openblas };
    }
  }
  return null;
}

/** Shared libraries that go beside the addon where the machine lacks them. */
function bundle(
  /** @type {NonNullable<ReturnType<typeof findLibraries>>} */ libraries,
  /** @type {string} */ folder,
) {
  if (!libraries.lib.startsWith(DEBS_DIR)) return;
  copyFileSync(realpathSync(libraries.openblas), join(folder, "libopenblas.so.0"));
  for (const name of ["libgfortran.so.5", "libquadmath.so.0"]) {
    const file = join(libraries.lib, name);
    if (existsSync(file)) copyFileSync(realpathSync(file), join(folder, name));
  }
}

/** Compiles the addon into a folder of its own; what is there keeps working until the new one takes its place. */
async function build(
  /** @type {import("./step.mjs").StepContext} */ context,
  /** @type {string} */ folder,
) {
  const compiler = findCompiler();
  if (compiler === null)
    throw new StepError(
      "there is no C++ compiler",
      "install one (Debian: apt-get install -y g++), then run the same command again.",
    );
  if (findLibraries() === null) {
    await unpackDebs(context, [
      "libfaiss-dev",
      "libopenblas0-pthread",
      "libgfortran5",
      ...(process.arch === "x64" ? ["libquadmath0"] : []),
    ]);
  }
  const libraries = findLibraries();
  if (libraries === null)
    throw new StepError("Debian's FAISS packages hold no libfaiss.a and libopenblas.so.0");
  context.note("compiling");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "compatibility.h"), COMPATIBILITY);
  writeFileSync(join(folder, "faiss.cc"), applyPatch(readFileSync(SOURCE, "utf8"), PATCH));
  bundle(libraries, folder);
  await context.exec(compiler, [
    ...FLAGS,
    "-I",
    resolveInRoot("node_modules", "node-api-headers", "include"),
    "-I",
    resolveInRoot("node_modules", "node-addon-api"),
    "-I",
    libraries.include,
    "-include",
    join(folder, "compatibility.h"),
    join(EXTENSION, "extension.cc"),
    join(folder, "faiss.cc"),
    join(libraries.lib, "libfaiss.a"),
    libraries.openblas,
    `-L${libraries.lib}`,
    "-lgomp",
    // Our two kernels come before the generic ones of the library.
    "-Wl,--allow-multiple-definition",
    // The old tag (RPATH): unlike RUNPATH it also counts for what OpenBLAS itself needs (libgfortran).
    "-Wl,--disable-new-dtags",
    "-Wl,-rpath,$ORIGIN",
    `-Wl,-rpath-link,${libraries.lib}:${dirname(libraries.openblas)}`,
    "-o",
    join(folder, "faiss.node"),
  ]);
}

/** @type {import("./step.mjs").Step} */
export const faissStep = {
  id: "faiss",
  name: "FAISS addon",
  remedy:
    "on Debian or Ubuntu: apt-get install -y g++ libfaiss-dev libopenblas0-pthread, then run the same command again. Elsewhere install FAISS's headers and static library, OpenBLAS and a C++ compiler.",
  done: () => {
    if (!existsSync(ADDON)) return "it is not built yet";
    return readStamp(STAMP) === hashInputs() || "its source has changed, or it was never checked";
  },
  run: async (/** @type {import("./step.mjs").StepContext} */ context) => {
    const fresh = `${FOLDER}.new`;
    await build(context, fresh);
    const addon = join(fresh, "faiss.node");
    if (!works(addon)) {
      const said = capture("sh", [
        "-c",
        '"$0" -e "$1" "$2" 2>&1 || true',
        process.execPath,
        CHECK,
        addon,
      ]);
      throw new StepError(
        `the addon does not find the nearest of four vectors: ${said?.split("\n").slice(-6).join(" ")}`,
      );
    }
    writeStamp(join(fresh, "stamp"), hashInputs());
    rmSync(FOLDER, { recursive: true, force: true });
    renameSync(fresh, FOLDER);
  },
};

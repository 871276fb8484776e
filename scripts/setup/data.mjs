/** Step that writes the Atlas corpus and its questions. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SETUP_DIR, resolveInRoot } from "../../lib/paths.mjs";
import { SOURCES, makeAtlas } from "./atlas.mjs";
import { hashTexts, readStamp, writeStamp } from "./stamp.mjs";

const TARGET = join(SETUP_DIR, "atlas");
const FILES = /** @type {const} */ ({
  "corpus.jsonl": "corpus",
  "train.jsonl": "train",
  "held-out.jsonl": "heldOut",
  "examples.jsonl": "examples",
});

const getSourcePath = (/** @type {string} */ file) =>
  resolveInRoot("node_modules", "country-json", "src", `${file}.json`);
const hashInputs = () =>
  hashTexts(
    readFileSync(resolveInRoot("scripts", "setup", "atlas.mjs"), "utf8"),
    ...Object.values(SOURCES).map(([file]) => readFileSync(getSourcePath(file), "utf8")),
  );

/** @type {import("./step.mjs").Step} */
export const atlasStep = {
  id: "atlas",
  name: "Atlas corpus and questions",
  remedy: "delete node_modules/country-json and run the same command again.",
  done: () => {
    if (Object.keys(FILES).some((file) => !existsSync(join(TARGET, file))))
      return "it is not made yet";
    return readStamp(join(TARGET, "stamp")) === hashInputs() || "its source has changed";
  },
  run: ({ note }) => {
    const atlas = makeAtlas(
      (file) =>
        /** @type {Record<string, unknown>[]} */ (
          JSON.parse(readFileSync(getSourcePath(file), "utf8"))
        ),
    );
    const fresh = `${TARGET}.new`;
    rmSync(fresh, { recursive: true, force: true });
    mkdirSync(fresh, { recursive: true });
    for (const [file, part] of Object.entries(FILES)) {
      writeFileSync(
        join(fresh, file),
        atlas[part].map((row) => `${JSON.stringify(row)}\n`).join(""),
      );
    }
    writeStamp(join(fresh, "stamp"), hashInputs());
    rmSync(TARGET, { recursive: true, force: true });
    renameSync(fresh, TARGET);
    note(
      `${atlas.corpus.length} cards, ${atlas.train.length} training and ${atlas.heldOut.length} held-out questions`,
    );
    return Promise.resolve();
  },
};

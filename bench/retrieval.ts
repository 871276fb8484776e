import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { ROOT } from "@/lib/paths.mjs";
import { type BenchResult, type Machine, describeMachine, printBars } from "@/bench/report/report";
import { bm25Section } from "./retrieval/bm25";
import { encoderSection } from "./retrieval/encoder";
import { faissSection } from "./retrieval/faiss";
import { computeOnce, type Section, type SectionResult, getWorkFolder } from "./retrieval/section";
import { serviceSection } from "./retrieval/service";

/** One file a section; each measures us and the field's own tool in one run. */
const SECTIONS: readonly Section[] = [encoderSection, faissSection, bm25Section, serviceSection];

/**
 * `npm run bench retrieval` runs every section, `npm run bench retrieval faiss` only that one and takes the others'
 * figures from the last result. With `-- --long` the largest sizes are measured too. What an interrupted run has finished
 * is kept.
 */
export async function run(options: readonly string[]): Promise<BenchResult> {
  const long = options.includes("--long");
  const names = options.filter((option) => option !== "--long");
  const unknown = names.find((name) => !SECTIONS.some((section) => section.name === name));
  if (unknown !== undefined)
    throw new Error(
      `there is no section ${unknown}; there are ${SECTIONS.map((section) => section.name).join(", ")}`,
    );
  const results: Record<string, Measured> = names.length === 0 ? {} : await readLastSections();
  for (const section of SECTIONS) {
    if (names.length > 0 && !names.includes(section.name)) continue;
    console.log(`\n== ${section.name}: ${section.about}`);
    const measure = async (): Promise<Measured> => ({
      ...(await section.run({ long })),
      at: new Date().toISOString(),
      machine: describeMachine(),
    });
    results[section.name] =
      names.length > 0
        ? await measure()
        : await computeOnce(getWorkFolder(`${section.name}.json`), measure);
  }
  await rm(getWorkFolder(), { recursive: true, force: true });
  const bars = Object.values(results).flatMap((result) => result.bars);
  printBars(bars);
  return {
    bench: "retrieval",
    at: new Date().toISOString(),
    machine: describeMachine(),
    sections: results,
    bars,
  };
}

/** Sections may be of different days and machines. */
type Measured = SectionResult & { at: string; machine?: Machine };

async function readLastSections(): Promise<Record<string, Measured>> {
  const text = await readFile(join(ROOT, "bench", "results", "retrieval.json"), "utf8").catch(
    () => "{}",
  );
  return (JSON.parse(text) as { sections?: Record<string, Measured> }).sections ?? {};
}

import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Option, type Command } from "commander";
import { findRun } from "@/cli/lib/client";
import { fetchFile } from "@/cli/lib/fetch-file";
import { collect } from "@/cli/lib/options";
import type { CommandContext } from "@/cli/lib/context";
import { formatReportDocument } from "@/core/report/report-document";
import { loadCatalogue } from "@/core/texts/catalogue";
import { createTranslate, UNTRANSLATED } from "@/core/texts/format-text";
import { LANGUAGES, type Language } from "@/core/texts/languages";

/**
 * What is written of a run: `run bundle`, its report as a folder that opens without a server, and `run points`, every
 * point that it reported.
 */
export function addRunFileCommands(program: Command, context: CommandContext): void {
  const { client, print } = context;
  const run = program.command("run").description("a run's report and its reported points");
  run
    .command("points <run>")
    .description(
      "write every point that the run reported as CSV, a line a point; `export` has at most 2,000 means of each metric",
    )
    .requiredOption("--out <file>", "file to write")
    .option("--metric <name>", "only this metric (may be repeated; default: all)", collect, [])
    .action(async (id: string, options: { out: string; metric: string[] }) => {
      const query = new URLSearchParams([
        ["run", await findRun(client, id)],
        ...options.metric.map((name) => ["metric", name]),
      ]);
      await fetchFile(context, `/points?${query}`, resolve(options.out));
      print(`wrote ${resolve(options.out)}`);
    });
  run
    .command("bundle <run>")
    .description(
      "write a report with its charts and data into a folder that opens without a server",
    )
    .requiredOption("--to <folder>", "folder to write index.html and report.json into")
    .addOption(
      new Option("--language <language>", "of the report")
        .choices(LANGUAGES.map(({ value }) => value))
        .default("en"),
    )
    .action(async (id: string, options: { to: string; language: Language }) => {
      const { texts, readMessage } = (await loadCatalogue(options.language)) ?? UNTRANSLATED;
      const t = createTranslate(options.language, texts, readMessage);
      const report = await client.runs.report.query({ id: await findRun(client, id) });
      const folder = resolve(options.to);
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, "index.html"), formatReportDocument(t, report));
      await writeFile(join(folder, "report.json"), `${JSON.stringify(report, null, 2)}\n`);
      print(`wrote ${join(folder, "index.html")}`);
    });
}

import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Option, type Command } from "commander";
import { findRun } from "@/cli/client";
import type { CommandContext } from "@/cli/context";
import { formatReportDocument } from "@/core/report/report-document";
import { loadCatalogue } from "@/core/texts/catalogue";
import { createTranslate, NO_TRANSLATION } from "@/core/texts/format-text";
import { LANGUAGES, type Language } from "@/core/texts/languages";

/** `run bundle`: a run's report as a folder that opens without a server. */
export function addBundleCommand(program: Command, { client, print }: CommandContext): void {
  program
    .command("run")
    .description("a run's report")
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
    .action(async (run: string, options: { to: string; language: Language }) => {
      const t = createTranslate(
        options.language,
        (await loadCatalogue(options.language)) ?? NO_TRANSLATION,
      );
      const report = await client.runs.report.query({ id: await findRun(client, run) });
      const folder = resolve(options.to);
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, "index.html"), formatReportDocument(t, report));
      await writeFile(join(folder, "report.json"), `${JSON.stringify(report, null, 2)}\n`);
      print(`wrote ${join(folder, "index.html")}`);
    });
}

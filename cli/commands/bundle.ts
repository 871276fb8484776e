import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { findRun } from "@/cli/client";
import type { CommandContext } from "@/cli/context";
import { formatReportDocument } from "@/core/report/report-document";

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
    .action(async (run: string, options: { to: string }) => {
      const report = await client.runs.report.query({ id: await findRun(client, run) });
      const folder = resolve(options.to);
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, "index.html"), formatReportDocument(report));
      await writeFile(join(folder, "report.json"), `${JSON.stringify(report, null, 2)}\n`);
      print(`wrote ${join(folder, "index.html")}`);
    });
}

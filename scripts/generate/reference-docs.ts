/**
 * Writes docs/reference/{settings,metrics,glossary,cli}.md from what the product itself reads: the schema of run
 * configurations, the table of metrics, the glossary and the command line.
 */
import { join } from "node:path";
import type { Command } from "commander";
import { format } from "prettier";
import { connect } from "@/cli/lib/client";
import { createProgram } from "@/cli/program";
import { launchedKindSchema } from "@/contracts/records/run-state";
import { GLOSSARY_SECTIONS } from "@/core/glossary/glossary";
import type { MetricDefinition } from "@/core/metrics/metric-definition";
import { METRIC_FAMILIES } from "@/core/metrics/metric-families";
import { METRICS } from "@/core/metrics/metric-table";
import { describeControl } from "@/core/run/describe-value";
import { describeSettingValue } from "@/core/run/setting-values";
import type { Setting } from "@/contracts/run-config/setting-group";
import { listSettingGroups } from "@/core/run/settings";
import { createTranslate, NO_TRANSLATION } from "@/core/texts/format-text";
import { ROOT } from "@/lib/paths.mjs";

const FOLDER = join(ROOT, "docs", "reference");
const NOTE = "<!-- Written by `npm run generate`; a test fails where it is out of date. -->";
const ENGLISH = createTranslate("en", NO_TRANSLATION);

/** Text in a cell of a Markdown table. */
const escapeCell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");
const writeRow = (cells: readonly string[]): string => `| ${cells.map(escapeCell).join(" | ")} |`;
const writeTable = (heading: readonly string[], rows: readonly (readonly string[])[]): string =>
  [writeRow(heading), writeRow(heading.map(() => "---")), ...rows.map(writeRow)].join("\n");
const writeCode = (text: string): string => `\`${text.replaceAll("`", "'")}\``;

const describeDefault = (setting: Setting): string =>
  setting.default === undefined
    ? "must be given"
    : writeCode(describeSettingValue(setting.default));

const writeSettings = (settings: readonly Setting[]): string =>
  writeTable(
    ["setting", "meaning", "values", "default", "paper"],
    settings.map((setting) => [
      writeCode(setting.path),
      `${setting.meta.title}. ${setting.meta.description}`,
      describeControl(ENGLISH, setting.control),
      describeDefault(setting),
      setting.meta.paper ?? "",
    ]),
  );

function writeSettingsPage(): string {
  const parts = ["# Settings of a run", NOTE];
  for (const kind of launchedKindSchema.options) {
    for (const served of kind === "serve" ? (["retriever", "model"] as const) : ([null] as const)) {
      parts.push(`## ${kind}${served ? `, a ${served}` : ""}`);
      for (const group of listSettingGroups(kind, served ?? "retriever")) {
        parts.push(`### ${group.title}`, group.description);
        if (group.settings.length > 0) parts.push(writeSettings(group.settings));
        for (const { value, settings } of group.variant?.options ?? [])
          parts.push(
            `With ${writeCode(`${group.variant?.path}=${value}`)}:`,
            writeSettings(settings),
          );
      }
    }
  }
  return parts.join("\n\n");
}

const writeMetrics = (metrics: Readonly<Record<string, MetricDefinition>>): string =>
  writeTable(
    ["metric", "meaning", "unit", "better", "roles"],
    Object.entries(metrics).map(([name, { description, unit, better, roles }]) => [
      writeCode(name),
      description,
      unit,
      better ?? "",
      roles.join(", "),
    ]),
  );

const writeMetricsPage = (): string =>
  [
    "# Metrics",
    NOTE,
    "Names that upstream (verl) logs are upstream's. Shares are 0 to 1.",
    writeMetrics(METRICS),
    "## Families",
    "The last part of these names is a question set, a turn or an error.",
    writeMetrics(METRIC_FAMILIES),
  ].join("\n\n");

const writeGlossaryPage = (): string =>
  [
    "# Glossary",
    NOTE,
    ...GLOSSARY_SECTIONS.flatMap(({ title, terms }) => [
      `## ${title}`,
      ...Object.values(terms).map(({ title: term, text, formula, source }) =>
        [
          `**${term}**. ${text}`,
          ...(formula ? [`Formula: ${writeCode(formula)}`] : []),
          ...(source ? [`Source: ${source}`] : []),
        ].join("\\\n"),
      ),
    ]),
  ].join("\n\n");

/** A command and those below it, the ones that do something with their options. */
function writeCommand(command: Command, path: string): string[] {
  const words = `${path} ${command.name()}`.trim();
  if (command.commands.length > 0)
    return command.commands.flatMap((each) => writeCommand(each, words));
  const usage = `npm run s3 -- ${words.replace(/^s3 /, "")} ${command.usage()}`;
  const options = command.options.map(({ flags, description, defaultValue }) => [
    writeCode(flags),
    description,
    defaultValue === undefined ? "" : writeCode(describeSettingValue(defaultValue)),
  ]);
  return [
    `## ${words.replace(/^s3 /, "")}`,
    command.description(),
    `\`\`\`sh\n${usage}\n\`\`\``,
    ...(options.length > 0 ? [writeTable(["option", "meaning", "default"], options)] : []),
  ];
}

function writeCommandLinePage(): string {
  const connection = connect("http://127.0.0.1:3000");
  const program = createProgram({
    ...connection,
    print: () => undefined,
    printJson: () => undefined,
    warn: () => undefined,
  });
  const page = ["# Command line", NOTE, program.description(), ...writeCommand(program, "")];
  connection.close();
  return page.join("\n\n");
}

/** Contents of the generated pages, by path. */
export async function generateReferenceDocs(): Promise<Map<string, string>> {
  const pages = {
    "settings.md": writeSettingsPage(),
    "metrics.md": writeMetricsPage(),
    "glossary.md": writeGlossaryPage(),
    "cli.md": writeCommandLinePage(),
  };
  const contents = new Map<string, string>();
  for (const [name, text] of Object.entries(pages))
    contents.set(join(FOLDER, name), await format(text, { parser: "markdown", printWidth: 100 }));
  return contents;
}

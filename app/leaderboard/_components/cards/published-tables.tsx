import { useText } from "@/app/_i18n/text-provider";
import { formatInteger, NONE } from "@/app/_lib/format/format";
import { useQueryParams } from "@/app/_lib/hooks/use-params";
import { Badge } from "@/app/_ui/badge";
import { ScrollRegion } from "@/app/_ui/scroll-region";
import { Card } from "@/app/_ui/card";
import { Select } from "@/app/_ui/field";
import type { PublishedResults } from "@/contracts/formats/published-results";
import { findAverageDifferences } from "@/core/comparability/published-results";
import { buildPaperTables } from "@/app/leaderboard/_components/table/published";

/**
 * The paper's tables as printed, and the averages that do not agree with their cells. The address holds that they are
 * open, and in which metric.
 */
export function PublishedTables({ results }: { results: PublishedResults }) {
  const t = useText();
  const [params, setParams] = useQueryParams();
  const isOpen = params.has("tables");
  const metric = params.get("tables") === "em" ? "em" : "accuracy";
  return (
    <details
      className="mt-4 rounded-lg border bg-card"
      data-published-tables
      open={isOpen}
      onToggle={({ currentTarget: { open } }) => {
        if (open !== isOpen) setParams({ tables: open ? metric : null });
      }}
    >
      <summary className="cursor-pointer px-4 py-3 font-medium">
        {t("Published results")} <Badge tone="outline">{t("published")}</Badge>
        <span className="mt-0.5 block text-xs font-normal text-muted-foreground">
          {t(
            "{authors} {year}, {identifier}: {rows} rows as printed, in percent. Not reproduced here, and never ranked with results of this server.",
            {
              authors: results.source.authors,
              year: results.source.year,
              identifier: results.source.identifier,
              rows: formatInteger(results.rows.length),
            },
          )}
        </span>
      </summary>
      <div className="space-y-4 border-t px-4 py-3">
        <Select
          aria-label={t("Metric")}
          className="w-auto"
          value={metric}
          onChange={(e) => setParams({ tables: e.target.value })}
          options={[
            { value: "accuracy", text: t("Accuracy (general: span or judge; medical: judge)") },
            { value: "em", text: t("Exact match") },
          ]}
        />
        {buildPaperTables(results, metric).map((table) => (
          <PaperTable key={`${table.title} ${table.generator} ${table.corpus}`} table={table} />
        ))}
        <SettingTables results={results} />
        <Differences results={results} />
      </div>
    </details>
  );
}

const HEAD = "h-8 px-3 text-right font-medium whitespace-nowrap";

/** One of the paper's tables: methods by question sets, of one generator and corpus. */
function PaperTable({ table }: { table: ReturnType<typeof buildPaperTables>[number] }) {
  const t = useText();
  return (
    <Card className="overflow-hidden">
      <h3 className="px-3 py-2 font-medium">
        {t(
          "{table}: {generator, select, self {answered by the method itself} other {generator {generator}}}, {corpus, select, none {no corpus} other {corpus {corpus}}}",
          { table: table.title, generator: table.generator, corpus: table.corpus },
        )}
      </h3>
      <ScrollRegion label={`${table.title}, ${table.generator}, ${table.corpus}`}>
        <table className="w-full text-left">
          <thead className="border-y text-xs text-muted-foreground">
            <tr>
              <th scope="col" className="h-8 px-3 font-medium">
                {t("Method")}
              </th>
              {table.sets.map((set) => (
                <th key={set} scope="col" className={HEAD}>
                  {set}
                </th>
              ))}
              <th scope="col" className={HEAD}>
                {t("Average")}
              </th>
              <th scope="col" className={HEAD}>
                {t("Training samples")}
              </th>
            </tr>
          </thead>
          <tbody>
            {table.rows.map(({ row, cells, average, difference }) => (
              <tr key={`${row.method} ${row.searcher}`} className="border-b last:border-0">
                <th scope="row" className="px-3 py-1.5 font-medium whitespace-nowrap">
                  {row.method}{" "}
                  <span className="text-2xs font-normal text-muted-foreground">
                    {row.searcher ?? ""}
                  </span>
                </th>
                {cells.map((cell, i) => (
                  <td key={table.sets[i]} className="px-3 py-1.5 text-right font-mono">
                    {cell === null ? NONE : cell.toFixed(1)}
                  </td>
                ))}
                <td className="px-3 py-1.5 text-right font-mono whitespace-nowrap">
                  {average === null ? NONE : average.toFixed(1)}
                  {difference === null ? null : (
                    <Badge tone="warn" className="ml-1.5">
                      {t("cells give {recomputed}", { recomputed: difference.toFixed(1) })}
                    </Badge>
                  )}
                </td>
                <td className="px-3 py-1.5 text-right font-mono text-muted-foreground">
                  {formatInteger(row.trainingSamples)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </ScrollRegion>
    </Card>
  );
}

/** The paper's tables of settings, rewards and costs. */
function SettingTables({ results }: { results: PublishedResults }) {
  const t = useText();
  return (
    <div className="grid grid-cols-1 gap-4 lg:grid-cols-2">
      <SmallTable
        title={t("{table}: retrieve-select-turns, {generator}", {
          table: results.settings.table,
          generator: results.settings.generator,
        })}
        columns={results.settings.columns}
        rows={Object.entries(results.settings.rows)}
      />
      <SmallTable
        title={t("{table}: averages of s3 trained with each reward", {
          table: results.rewardFunctions.table,
        })}
        columns={results.rewardFunctions.columns}
        rows={Object.entries(results.rewardFunctions.rows)}
      />
      <SmallTable
        title={t("{table}: training on {hardware}", {
          table: results.trainingCost.table,
          hardware: results.trainingCost.hardware,
        })}
        columns={[t("min a step"), t("steps"), t("minutes")]}
        rows={results.trainingCost.rows.map((row) => [
          row.method,
          [row.minutesPerStep, row.steps, row.minutes],
        ])}
      />
    </div>
  );
}

/** Printed averages that their cells do not give, and notes. */
function Differences({ results }: { results: PublishedResults }) {
  const t = useText();
  return (
    <div>
      <h3 className="font-medium">{t("What does not fit together")}</h3>
      <ul className="mt-1 list-disc space-y-0.5 pl-5 text-xs text-muted-foreground">
        {findAverageDifferences(results).map((d) => (
          <li key={`${d.table} ${d.row} ${d.metric}`}>
            {t(
              "{table}, {row}, {metric}: the average is printed as {printed}, the cells give {recomputed}.",
              {
                table: d.table,
                row: d.row,
                metric: d.metric,
                printed: d.printed.toFixed(1),
                recomputed: d.recomputed.toFixed(1),
              },
            )}
          </li>
        ))}
        {results.notes.map((note) => (
          <li key={note}>{note}</li>
        ))}
      </ul>
    </div>
  );
}

interface SmallTableProps {
  title: string;
  columns: readonly string[];
  rows: readonly (readonly [string, readonly number[]])[];
}

function SmallTable({ title, columns, rows }: SmallTableProps) {
  return (
    <Card className="overflow-hidden">
      <h3 className="px-3 py-2 font-medium">{title}</h3>
      <ScrollRegion label={title}>
        <table className="w-full text-left">
          <thead className="border-y text-xs text-muted-foreground">
            <tr>
              <th className="h-8 px-3" />
              {columns.map((column) => (
                <th
                  key={column}
                  scope="col"
                  className="h-8 px-2 text-right font-medium whitespace-nowrap"
                >
                  {column}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(([name, values]) => (
              <tr key={name} className="border-b last:border-0">
                <th scope="row" className="px-3 py-1.5 font-medium whitespace-nowrap">
                  {name}
                </th>
                {values.map((value, i) => (
                  <td key={columns[i]} className="px-2 py-1.5 text-right font-mono">
                    {value}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </ScrollRegion>
    </Card>
  );
}

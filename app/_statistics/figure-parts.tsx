import { useText } from "@/app/_i18n/text-provider";
import { formatInteger, formatShare } from "@/app/_lib/format/format";
import type { RunStatistics } from "@/app/_lib/live/trpc";
import { Card, CardHeader } from "@/app/_ui/card";
import { Tooltip } from "@/app/_ui/tooltip";
import { SHOWN_TEXTS } from "@/core/glossary/shown-texts";
import { computeMacroMean } from "@/core/statistics/mean-by-type";

type Parts = Pick<RunStatistics, "types" | "replies" | "unread">;

/** Beside a pooled figure, in small: the mean over types of questions, and the share of the judge's unread replies. */
export function FigureParts({ types, replies, unread }: Parts) {
  const t = useText();
  const macro = computeMacroMean(types);
  return (
    <>
      {macro === null ? null : (
        <Tooltip content={types.map(({ type, mean }) => `${type} ${formatShare(mean)}`).join(", ")}>
          <span
            className="block text-2xs whitespace-nowrap text-muted-foreground"
            data-macro={macro}
          >
            {t("over {types} types {mean}", { types: types.length, mean: formatShare(macro) })}
          </span>
        </Tooltip>
      )}
      {replies === 0 ? null : (
        <span
          className="block text-2xs whitespace-nowrap text-muted-foreground"
          title={t(SHOWN_TEXTS["unread-reply"])}
          data-unread={unread}
        >
          {t("unread {share}", { share: formatShare(unread / replies) })}
        </span>
      )}
    </>
  );
}

/** Accuracy of each type of question, which in upstream's sets is the data source; nothing where a set has but one. */
export function TypesTable({ types, mean }: Pick<RunStatistics, "types" | "mean">) {
  const t = useText();
  const macro = computeMacroMean(types);
  if (macro === null) return null;
  const rows = [...types, { type: null, scored: 0, mean: macro }];
  return (
    <Card className="pb-3" data-types={types.length}>
      <CardHeader
        title={t("By type of question")}
        description={t(
          "In upstream’s sets the type is the data source. The mean over types counts each once, as the paper’s average; over all questions it is {mean}.",
          { mean: formatShare(mean) },
        )}
      />
      <div className="mt-2 overflow-x-auto px-4">
        <table className="w-full text-xs">
          <thead className="text-left text-muted-foreground">
            <tr>
              <th className="py-1 font-normal">{t("Type")}</th>
              <th className="py-1 text-right font-normal">{t("Questions")}</th>
              <th className="py-1 text-right font-normal">{t("Accuracy")}</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr
                key={row.type ?? ""}
                className={row.type === null ? "border-t border-border font-medium" : ""}
              >
                <td className="py-1 break-all">{row.type ?? t("Mean over types")}</td>
                <td className="py-1 text-right font-mono">
                  {row.type === null ? "" : formatInteger(row.scored)}
                </td>
                <td className="py-1 text-right font-mono">{formatShare(row.mean)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Card>
  );
}

import { Link } from "@/app/_ui/link";
import { useText } from "@/app/_i18n/text-provider";
import { formatShare, formatShortId } from "@/app/_lib/format/format";
import type { Leaderboard } from "@/app/_lib/live/trpc";
import { ComparabilityReasons } from "@/app/_statistics/comparability-reasons";
import { Card, CardHeader } from "@/app/_ui/card";

/** Results that are not comparable with those above, each with the reasons. */
export function ExcludedResults({ excluded }: { excluded: Leaderboard["excluded"] }) {
  const t = useText();
  if (excluded.length === 0) return null;
  return (
    <Card className="pb-3" data-excluded={excluded.length}>
      <CardHeader
        title={t("Not comparable with these")}
        description={t(
          "They get no rank here; choose their corpus, generator and scorer above to see them ranked among their own.",
        )}
      />
      <ul className="mt-2 max-h-72 overflow-y-auto px-2">
        {excluded.map((result, i) => (
          <li
            key={`${result.runId} ${i}`}
            className="flex flex-wrap items-center gap-x-3 gap-y-1 rounded px-2 py-1 hover:bg-muted"
          >
            <Link href={`/runs/${result.runId}`} className="font-medium hover:underline">
              {result.label}
            </Link>
            <span className="font-mono text-2xs text-muted-foreground">
              {formatShortId(result.runId)}
            </span>
            <span className="text-xs text-muted-foreground">{result.questionSet}</span>
            <span className="font-mono text-xs">{formatShare(result.mean)}</span>
            <ComparabilityReasons reasons={result.reasons} />
          </li>
        ))}
      </ul>
    </Card>
  );
}

"use client";
import { ColourDot } from "@/app/_ui/colour-dot";
import { useQueries } from "@tanstack/react-query";
import { Link } from "@/app/_ui/link";
import { useText } from "@/app/_i18n/text-provider";
import { buildTurnHref } from "@/app/_lib/playground-link";
import { useTRPC, type EpisodeDetail } from "@/app/_lib/live/trpc";
import { ScrollRegion } from "@/app/_ui/scroll-region";
import { ScoreMark } from "@/app/_ui/score-mark";
import { QueryErrorState, Skeleton } from "@/app/_ui/states";
import { explainAttribution, traceGold, buildLedger } from "@/app/_episode/ledger";
import { TurnCard } from "@/app/_episode/turn-card";

interface ShownEpisode {
  id: string;
  runId: string;
  title: string;
  colour: string;
}

/** Episodes of one question side by side, one row for each turn. */
export function EpisodeColumns({ episodes }: { episodes: ShownEpisode[] }) {
  const t = useText();
  const trpc = useTRPC();
  const queries = useQueries({
    queries: episodes.map(({ id }) =>
      trpc.episodes.get.queryOptions({ id }, { staleTime: 60_000 }),
    ),
  });
  // Several columns may be of one run (its checkpoints). The episodes are shown before the runs are read.
  const runIds = [...new Set(episodes.map(({ runId }) => runId))];
  const runs = useQueries({
    queries: runIds.map((id) => trpc.runs.get.queryOptions({ id }, { staleTime: 60_000 })),
  });
  const failed = queries.find((query) => query.isError);
  if (failed?.error)
    return (
      <QueryErrorState className="m-3" title={t("An episode could not be read")} query={failed} />
    );
  const details = queries.map((query) => query.data);
  if (details.some((detail) => detail === undefined)) return <Skeleton className="m-3 h-72" />;
  const shown = details.map((detail) => ({
    detail: detail!,
    ledger: buildLedger(detail!.record.episode.steps, detail!.question.goldIds, detail!.documents),
  }));
  const turns = Math.max(...shown.map(({ ledger }) => ledger.turns.length));
  const columns = { gridTemplateColumns: `repeat(${episodes.length}, minmax(17rem, 1fr))` };
  return (
    <ScrollRegion
      label={t("Episodes side by side")}
      className="border-t bg-muted/30 p-3"
      data-side-by-side
    >
      <div className="grid min-w-max items-start gap-3 md:min-w-0" style={columns}>
        {shown.map(({ detail, ledger }, i) => (
          <ColumnHead
            key={episodes[i]!.id}
            shown={episodes[i]!}
            detail={detail}
            why={explainAttribution(
              t,
              detail.record.attribution,
              traceGold(ledger, detail.question.goldIds, detail.record.episode.context),
              (id) => detail.gold.find((g) => g.id === id)?.document?.title ?? id,
            )}
          />
        ))}
        {Array.from({ length: turns }, (_, turn) =>
          shown.map(({ detail, ledger }, i) => {
            const own = ledger.turns[turn];
            const config = runs[runIds.indexOf(episodes[i]!.runId)]?.data?.config;
            return (
              <ol key={`${episodes[i]!.id} ${turn}`} className="min-w-0">
                {own ? (
                  <TurnCard
                    turn={own}
                    gold={ledger.gold}
                    gain={null}
                    playground={config ? buildTurnHref(own, config, detail) : null}
                  />
                ) : (
                  <li className="rounded-lg border border-dashed px-3 py-4 text-center text-xs text-muted-foreground">
                    {t("no turn {turn}", { turn })}
                  </li>
                )}
              </ol>
            );
          }),
        )}
      </div>
    </ScrollRegion>
  );
}

type ColumnHeadProps = { shown: ShownEpisode; detail: EpisodeDetail; why: string | null };

function ColumnHead({ shown, detail, why }: ColumnHeadProps) {
  const t = useText();
  const { record } = detail;
  return (
    <div className="min-w-0 rounded-lg border bg-card px-3 py-2">
      <p className="flex items-center gap-2">
        <ColourDot colour={shown.colour} />
        <span className="font-semibold">{shown.title}</span>
        <ScoreMark score={record.score?.value ?? null} />
        <span className="min-w-0 font-medium break-words">
          {record.answer?.text || t("(no answer)")}
        </span>
      </p>
      <p className="mt-1 text-xs text-muted-foreground">{why}</p>
      <p className="mt-1 text-2xs text-muted-foreground">
        {t("{documents, plural, one {# document} other {# documents}} handed over", {
          documents: record.episode.context.length,
        })}{" "}
        ·{" "}
        <Link href={`/runs/${shown.runId}/episodes/${shown.id}`} className="text-primary underline">
          {t("whole episode")}
        </Link>
      </p>
    </div>
  );
}

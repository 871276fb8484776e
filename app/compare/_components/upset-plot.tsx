import { ColourDot } from "@/app/_ui/colour-dot";
import { useText } from "@/app/_i18n/text-provider";
import { cn } from "@/app/_ui/cn";
import { formatInteger } from "@/app/_lib/format/format";
import type { Compared } from "@/app/_lib/live/trpc";
import { ScrollRegion } from "@/app/_ui/scroll-region";
import { Card, CardHeader } from "@/app/_ui/card";
import { SHOWN_TEXTS } from "@/core/glossary/shown-texts";
import { TERM_TITLES } from "@/core/glossary/term-titles";
import { parseMask, formatFilter, LETTERS, RUN_COLOURS, writeFilter } from "./patterns";

const BAR_HEIGHT = 120;
const SHOWN_PATTERNS = 24;

interface UpsetPlotProps {
  compared: Compared;
  selected: string | null;
  onSelect: (filter: string | null) => void;
}

/** An UpSet plot (Lex et al. 2014): for each set of runs, how many questions exactly these runs answer. */
export function UpsetPlot({ compared, selected, onSelect }: UpsetPlotProps) {
  const t = useText();
  const n = compared.runs.length;
  const shown = compared.patterns.slice(0, SHOWN_PATTERNS);
  const largest = Math.max(1, ...shown.map((p) => p.questions));
  const limits =
    compared.patterns.length > SHOWN_PATTERNS
      ? [
          t("The {shown} largest of {total}.", {
            shown: SHOWN_PATTERNS,
            total: compared.patterns.length,
          }),
        ]
      : [];
  return (
    <Card className="pb-3">
      <CardHeader
        title={t(TERM_TITLES["upset-plot"])}
        description={[t(SHOWN_TEXTS["upset-plot"]), ...limits].join(" ")}
      />
      <ScrollRegion label={t("Sets of runs that are right together")} className="mt-3  px-4 pb-1">
        <div className="flex min-w-max items-end gap-1">
          <div className="sticky left-0 z-10 flex shrink-0 flex-col gap-0 bg-card pr-2">
            {compared.runs.map((run, i) => (
              <span key={run.id} className="flex h-6 items-center gap-1 text-2xs font-semibold">
                <ColourDot colour={RUN_COLOURS[i]} />
                {LETTERS[i]}
              </span>
            ))}
          </div>
          {shown.map(({ mask, questions }) => {
            const filter = parseMask(mask, n);
            const address = writeFilter(filter, n);
            const members = filter.right;
            return (
              <button
                key={mask}
                type="button"
                data-pattern={mask}
                aria-pressed={selected === address}
                aria-label={t("{filter}: {questions} questions", {
                  filter: formatFilter(t, filter),
                  questions: formatInteger(questions),
                })}
                onClick={() => onSelect(selected === address ? null : address)}
                className={cn(
                  "flex w-9 shrink-0 flex-col items-center rounded hover:bg-muted",
                  selected === address && "bg-primary-soft",
                )}
              >
                <span className="font-mono text-2xs">{formatInteger(questions)}</span>
                <span
                  className="w-4 rounded-t-xs bg-(--series-1)"
                  style={{ height: Math.max(1, (questions / largest) * BAR_HEIGHT) }}
                />
                <span className="relative flex w-full flex-col items-center border-t">
                  {members.length > 1 ? (
                    <span
                      className="absolute w-px bg-foreground"
                      style={{
                        top: members[0]! * 24 + 12,
                        height: (members[members.length - 1]! - members[0]!) * 24,
                      }}
                    />
                  ) : null}
                  {compared.runs.map((run, i) => (
                    <span key={run.id} className="flex h-6 items-center">
                      <span
                        className={cn(
                          "relative size-2.5 rounded-full",
                          members.includes(i) ? "bg-foreground" : "bg-input",
                        )}
                      />
                    </span>
                  ))}
                </span>
              </button>
            );
          })}
        </div>
      </ScrollRegion>
    </Card>
  );
}

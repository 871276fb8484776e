import { useText } from "@/app/_i18n/text-provider";
import { cn } from "@/app/_ui/cn";
import { formatInteger, formatShare } from "@/app/_lib/format/format";
import type { Compared } from "@/app/_lib/live/trpc";
import { Card, CardHeader } from "@/app/_ui/card";
import { Select } from "@/app/_ui/field";
import { LETTERS, countQuadrants, writeFilter, type Pair } from "./patterns";

interface QuadrantsProps {
  compared: Compared;
  /** Which two of the runs. */
  pair: Pair;
  onPair: (pair: Pair) => void;
  onSelect: (filter: string | null) => void;
}

/** Two of the runs: both right, one right, neither. Each field leads to its questions. */
export function Quadrants({ compared, pair: [a, b], onPair, onSelect }: QuadrantsProps) {
  const t = useText();
  const n = compared.runs.length;
  const counts = countQuadrants(compared.patterns, a, b);
  const [first, second] = [LETTERS[a]!, LETTERS[b]!];
  const fields = [
    {
      title: t("Both right"),
      count: counts.both,
      right: [a, b],
      wrong: [],
      tone: "bg-(--series-1)/15",
    },
    {
      title: t("Only {letter} right", { letter: first }),
      count: counts.onlyFirst,
      right: [a],
      wrong: [b],
      tone: "bg-(--series-3)/15",
    },
    {
      title: t("Only {letter} right", { letter: second }),
      count: counts.onlySecond,
      right: [b],
      wrong: [a],
      tone: "bg-(--series-2)/15",
    },
    { title: t("Neither"), count: counts.neither, right: [], wrong: [a, b], tone: "bg-muted" },
  ];
  return (
    <Card className="pb-4">
      <CardHeader
        title={t("Quadrants")}
        description={t("Who is right where; choose a field for its questions.")}
      >
        {n > 2 ? (
          <Select
            aria-label={t("Pair")}
            className="w-auto"
            value={`${a} ${b}`}
            onChange={(e) => {
              const [x, y] = e.target.value.split(" ").map(Number);
              onPair([x ?? 0, y ?? 1]);
            }}
            options={compared.pairs.map((p) => ({
              value: `${p.first} ${p.second}`,
              text: t("{first} and {second}", {
                first: LETTERS[p.first]!,
                second: LETTERS[p.second]!,
              }),
            }))}
          />
        ) : null}
      </CardHeader>
      <div className="mt-3 grid grid-cols-2 gap-1.5 px-4">
        {fields.map((field) => (
          <button
            key={field.title}
            type="button"
            data-quadrant={field.title}
            onClick={() => onSelect(writeFilter(field, n))}
            className={cn(
              "rounded-md px-3 py-3 text-left hover:ring-2 hover:ring-primary/40",
              field.tone,
            )}
          >
            <span className="block text-xs text-muted-foreground">{field.title}</span>
            <span className="block font-mono text-base font-medium">
              {formatInteger(field.count)}
            </span>
            <span className="block text-2xs text-muted-foreground">
              {compared.common > 0 ? formatShare(field.count / compared.common) : "–"}
            </span>
          </button>
        ))}
      </div>
    </Card>
  );
}

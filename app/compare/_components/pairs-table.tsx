import { cn } from "@/app/_lib/cn";
import { NONE, formatCount } from "@/app/_lib/format";
import type { Compared } from "@/app/_lib/trpc";
import { Card, CardHeader } from "@/app/_ui/card";
import { isSignificant, formatPoints, formatPValue } from "@/app/leaderboard/_components/text";
import { LETTERS } from "./patterns";

/** Every pair tested on the questions that all of the runs share. */
export function PairsTable({ compared }: { compared: Compared }) {
  const head = "h-8 px-3 text-right font-medium whitespace-nowrap";
  return (
    <Card className="mt-4">
      <CardHeader
        title="Paired tests"
        description={`On the questions that both of a pair answered; p-values corrected by Holm over the ${formatCount(compared.pairs.length, "pair")}.`}
      />
      <div
        className="relative mt-2 overflow-x-auto"
        tabIndex={0}
        role="region"
        aria-label="Paired tests"
      >
        <table className="w-full text-left">
          <thead className="border-b text-xs text-muted-foreground">
            <tr>
              <th scope="col" className="h-8 px-4 font-medium">
                Pair
              </th>
              <th scope="col" className={head}>
                Difference, points
              </th>
              <th scope="col" className={head}>
                95% interval
              </th>
              <th scope="col" className={head}>
                p, bootstrap
              </th>
              <th scope="col" className={head}>
                Only first : only second
              </th>
              <th scope="col" className={head}>
                p, McNemar
              </th>
              <th scope="col" className="h-8 px-4 font-medium">
                Verdict
              </th>
            </tr>
          </thead>
          <tbody className="font-mono">
            {compared.pairs.map((p) => (
              <tr key={`${p.first} ${p.second}`} className="border-b last:border-0">
                <th
                  scope="row"
                  className="px-4 py-1.5 font-sans font-medium whitespace-nowrap"
                >{`${LETTERS[p.first]} − ${LETTERS[p.second]}`}</th>
                <td className="px-3 py-1.5 text-right">{formatPoints(p.difference)}</td>
                <td className="px-3 py-1.5 text-right whitespace-nowrap text-muted-foreground">{`${formatPoints(p.low)} to ${formatPoints(p.high)}`}</td>
                <td className="px-3 py-1.5 text-right whitespace-nowrap">
                  {formatPValue(p.bootstrapHolm)}
                </td>
                <td className="px-3 py-1.5 text-right whitespace-nowrap">
                  {p.mcNemar ? `${p.mcNemar.onlyFirst} : ${p.mcNemar.onlySecond}` : NONE}
                </td>
                <td className="px-3 py-1.5 text-right whitespace-nowrap">
                  {p.mcNemarHolm === null ? NONE : formatPValue(p.mcNemarHolm)}
                </td>
                <td
                  className={cn(
                    "px-4 py-1.5 font-sans whitespace-nowrap",
                    isSignificant(p) ? "text-foreground" : "text-muted-foreground",
                  )}
                >
                  {isSignificant(p)
                    ? `${LETTERS[p.difference > 0 ? p.first : p.second]} is better`
                    : "no difference shown"}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Card>
  );
}

import { createContext, use, type ReactNode } from "react";

type StatProps = { label: string; value: string; children?: ReactNode };

const LoadingContext = createContext(false);

/** One number with its name and what it is compared with. */
export function Stat({ label, value, children }: StatProps) {
  const isLoading = use(LoadingContext);
  return (
    <div className="min-w-0 px-3 py-2">
      <dt className="truncate text-2xs text-muted-foreground">{label}</dt>
      <dd className="mt-0.5 font-mono text-base leading-6 font-medium">
        {isLoading ? (
          <span aria-hidden className="inline-block h-4 w-14 animate-pulse rounded bg-muted" />
        ) : (
          value
        )}
      </dd>
      <dd className="truncate text-2xs text-muted-foreground">
        {isLoading ? " " : (children ?? " ")}
      </dd>
    </div>
  );
}

type StatStripProps = { children: ReactNode; isLoading?: boolean };

/** Several numbers in a row; while they load, their places. */
export function StatStrip({ children, isLoading = false }: StatStripProps) {
  return (
    <LoadingContext value={isLoading}>
      <dl
        aria-busy={isLoading}
        className="grid grid-cols-2 divide-border rounded-lg border bg-card sm:grid-cols-3 xl:grid-cols-6"
      >
        {children}
      </dl>
    </LoadingContext>
  );
}

"use client";
import { Component, type ComponentType, type ReactNode } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { defer } from "./deferred";
import { ErrorState } from "./states";

interface BoundaryProps {
  failed: (error: Error, retry: () => void) => ReactNode;
  children: ReactNode;
}

class Boundary extends Component<BoundaryProps, { error: Error | null }> {
  override state: { error: Error | null } = { error: null };

  static getDerivedStateFromError(error: unknown): { error: Error } {
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }

  override render(): ReactNode {
    const { error } = this.state;
    return error === null
      ? this.props.children
      : this.props.failed(error, () => this.setState({ error: null }));
  }
}

/**
 * A part of a page that is loaded after it, in the browser, and that the page can do without: where it cannot be loaded
 * or drawn, its place says why, with a button that loads it anew.
 * @param load imports the component: `() => import("./costs").then((m) => m.Costs)`
 * @param Loading stands in its place until then
 */
export function deferPart<P extends object>(
  load: () => Promise<ComponentType<P>>,
  Loading: ComponentType,
): ComponentType<P> {
  const part = defer(async () => ({ Part: await load() }));
  function Loaded(props: P) {
    const loaded = part.useModule(true);
    return loaded ? <loaded.Part {...props} /> : <Loading />;
  }
  return function OptionalPart(props: P) {
    const t = useText();
    return (
      <Boundary
        failed={(error, retry) => (
          <ErrorState
            className="mt-4"
            title={t("This part of the page failed to draw")}
            error={error}
            onRetry={retry}
          />
        )}
      >
        <Loaded {...props} />
      </Boundary>
    );
  };
}

import {
  QueryClient,
  type InvalidateOptions,
  type InvalidateQueryFilters,
  type QueryKey,
} from "@tanstack/react-query";

/**
 * A query client that reads again whatever is invalidated. TanStack's own lets a query that has no data yet go on with the
 * read that is under way, which began before what has been changed.
 */
export class FreshQueryClient extends QueryClient {
  override async invalidateQueries<K extends QueryKey = QueryKey>(
    filters?: InvalidateQueryFilters<K>,
    options: InvalidateOptions = {},
  ): Promise<void> {
    const first = this.getQueryCache()
      .findAll(filters)
      .filter(({ state }) => state.data === undefined && state.fetchStatus !== "idle");
    if (options.cancelRefetch !== false && first.length > 0)
      await Promise.all(first.map((query) => query.cancel({ revert: true })));
    return super.invalidateQueries(filters, options);
  }
}

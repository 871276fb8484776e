// Exact search over vectors that lie one after the other: the k largest inner products (or the k smallest squared
// distances) for each query.
//
// FAISS computes these by BLAS from 20 queries on and by another path below, so that the last bits of a score depend
// on what it was asked together with. Here every pair is summed in one order, whatever the batch and the number of
// threads, and equal scores are ranked by row. Debian compiles FAISS for the oldest x86-64; this is compiled for
// several and chosen at run time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include <omp.h>

namespace s3 {

struct Hit {
    float score;
    int64_t row;
};

/// Whether `a` ranks before `b`; as the order of a heap it keeps the worst hit on top.
inline bool before(const Hit& a, const Hit& b) {
    return a.score > b.score || (a.score == b.score && a.row < b.row);
}

/// A vector register of `LANES` floats that may be loaded from any address.
template <int LANES>
struct Lanes {
    typedef float type __attribute__((vector_size(LANES * 4)));
    typedef float loose __attribute__((vector_size(LANES * 4), aligned(1), may_alias));
};

/// The halves of a register added to each other, until it has four lanes.
template <int LANES>
struct Fold {
    static inline __attribute__((always_inline)) Lanes<4>::type of(const typename Lanes<LANES>::type& value) {
        typename Lanes<LANES / 2>::type low, high;
        std::memcpy(&low, &value, sizeof low);
        std::memcpy(&high, reinterpret_cast<const char*>(&value) + sizeof low, sizeof high);
        low += high;
        return Fold<LANES / 2>::of(low);
    }
};
template <>
struct Fold<4> {
    static inline __attribute__((always_inline)) Lanes<4>::type of(const Lanes<4>::type& value) { return value; }
};

/// Sum of four lanes, in the order of `sum4`.
inline __attribute__((always_inline)) float sum1(const Lanes<4>::type& value) {
    return (value[0] + value[2]) + (value[1] + value[3]);
}

/// The sums of the lanes of four registers.
inline __attribute__((always_inline)) Lanes<4>::type sum4(const Lanes<4>::type& a, const Lanes<4>::type& b, const Lanes<4>::type& c, const Lanes<4>::type& d) {
    typedef int Order __attribute__((vector_size(16)));
    const Order low{0, 1, 4, 5}, high{2, 3, 6, 7}, even{0, 2, 4, 6}, odd{1, 3, 5, 7};
    const Lanes<4>::type ab = __builtin_shuffle(a, b, low) + __builtin_shuffle(a, b, high);
    const Lanes<4>::type cd = __builtin_shuffle(c, d, low) + __builtin_shuffle(c, d, high);
    return __builtin_shuffle(ab, cd, even) + __builtin_shuffle(ab, cd, odd);
}

/// out[i * R + j] = similarity of query i and row j. Each pair has a sum of its own: tiles only save loads.
template <int LANES, int Q, int R, bool L2>
inline __attribute__((always_inline)) void tile(const float* queries, const char* rows, size_t dim, float* out) {
    using V = typename Lanes<LANES>::type;
    using U = typename Lanes<LANES>::loose;
    constexpr int N = Q * R;
    V sums[N];
    for (int n = 0; n < N; n++) sums[n] = V{};
    const size_t stride = dim * sizeof(float);
    size_t d = 0;
    for (; d + LANES <= dim; d += LANES) {
        V row[R];
        for (int j = 0; j < R; j++) row[j] = *reinterpret_cast<const U*>(rows + j * stride + d * sizeof(float));
        for (int i = 0; i < Q; i++) {
            const V query = *reinterpret_cast<const U*>(queries + i * dim + d);
            for (int j = 0; j < R; j++) {
                if (L2) {
                    const V difference = query - row[j];
                    sums[i * R + j] += difference * difference;
                } else {
                    sums[i * R + j] += query * row[j];
                }
            }
        }
    }
    if (d < dim) {
        // The rest of a length that no register divides: filled up with zeros, so that it is summed in the same order.
        const size_t bytes = (dim - d) * sizeof(float);
        V row[R];
        for (int j = 0; j < R; j++) {
            row[j] = V{};
            std::memcpy(&row[j], rows + j * stride + d * sizeof(float), bytes);
        }
        for (int i = 0; i < Q; i++) {
            V query{};
            std::memcpy(&query, queries + i * dim + d, bytes);
            for (int j = 0; j < R; j++) {
                if (L2) {
                    const V difference = query - row[j];
                    sums[i * R + j] += difference * difference;
                } else {
                    sums[i * R + j] += query * row[j];
                }
            }
        }
    }
#pragma GCC unroll 8
    for (int n = 0; n + 4 <= N; n += 4) {
        const Lanes<4>::type four = sum4(Fold<LANES>::of(sums[n]), Fold<LANES>::of(sums[n + 1]), Fold<LANES>::of(sums[n + 2]), Fold<LANES>::of(sums[n + 3]));
        std::memcpy(out + n, &four, sizeof four);
    }
    for (int n = N / 4 * 4; n < N; n++) out[n] = sum1(Fold<LANES>::of(sums[n]));
}

/// Similarities of a few queries with a block of rows: out[q * count + r].
template <int LANES, int Q, int R, bool L2>
inline __attribute__((always_inline)) void block(const float* queries, size_t nq, const char* rows, size_t count, size_t dim, float* out) {
    const size_t stride = dim * sizeof(float);
    float tiled[Q * R];
    size_t q = 0;
    for (; q + Q <= nq; q += Q) {
        // The rows that come next, a part with each tile of queries; where they end, a prefetch does nothing.
        for (size_t at = count * stride * q / nq; at < count * stride * (q + Q) / nq; at += 64) __builtin_prefetch(rows + count * stride + at);
        size_t r = 0;
        for (; r + R <= count; r += R) {
            tile<LANES, Q, R, L2>(queries + q * dim, rows + r * stride, dim, tiled);
            for (int i = 0; i < Q; i++) std::memcpy(out + (q + i) * count + r, tiled + i * R, R * sizeof(float));
        }
        for (; r < count; r++) {
            tile<LANES, Q, 1, L2>(queries + q * dim, rows + r * stride, dim, tiled);
            for (int i = 0; i < Q; i++) out[(q + i) * count + r] = tiled[i];
        }
    }
    for (; q < nq; q++) {
        size_t r = 0;
        for (; r + 4 <= count; r += 4) tile<LANES, 1, 4, L2>(queries + q * dim, rows + r * stride, dim, out + q * count + r);
        for (; r < count; r++) tile<LANES, 1, 1, L2>(queries + q * dim, rows + r * stride, dim, out + q * count + r);
    }
}

using Block = void (*)(const float* queries, size_t nq, const char* rows, size_t count, size_t dim, float* out);

template <bool L2>
struct Blocks {
#if defined(__x86_64__)
    __attribute__((target("avx512f,avx2,fma"))) static void avx512(const float* q, size_t nq, const char* r, size_t n, size_t dim, float* out) {
        block<16, 4, 4, L2>(q, nq, r, n, dim, out);
    }
    __attribute__((target("avx2,fma"))) static void avx2(const float* q, size_t nq, const char* r, size_t n, size_t dim, float* out) {
        block<8, 4, 3, L2>(q, nq, r, n, dim, out); // 12 sums, 3 rows and a query fill its 16 registers
    }
#endif
    static void plain(const float* q, size_t nq, const char* r, size_t n, size_t dim, float* out) {
        block<4, 4, 2, L2>(q, nq, r, n, dim, out);
    }
    static Block best() {
#if defined(__x86_64__)
        if (__builtin_cpu_supports("avx512f")) return avx512;
        if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return avx2;
#endif
        return plain;
    }
};

inline Block bestBlock(bool l2) {
    static const Block ip = Blocks<false>::best(), distance = Blocks<true>::best();
    return l2 ? distance : ip;
}

inline bool anyAbove(const float* scores, int64_t count, float bar) {
    int any = 0;
    for (int64_t i = 0; i < count; i++) any |= scores[i] > bar;
    return any != 0;
}

/// The best k of `count` rows for each query, best first. `rows` may have any address. With `l2` scores are negated
/// squared distances. Each of the results has min(k, count) hits.
inline std::vector<std::vector<Hit>> searchFlat(const char* rows, int64_t count, size_t dim, bool l2, const float* queries, size_t nq, size_t k) {
    constexpr int64_t ROWS = 12;    // of 1.5 kB: stay in the first cache while a block of queries goes by; tiles of 3 and of 4 fit
    constexpr size_t QUERIES = 256; // stay in the second cache, and save reading the rows from memory
    constexpr double WORTH_A_THREAD = 1 << 24; // multiplications, some milliseconds: less is not worth waking one
    k = std::min<size_t>(k, count);
    std::vector<std::vector<Hit>> best(nq);
    if (k == 0 || nq == 0) return best;
    const Block similarities = bestBlock(l2);
    const size_t stride = dim * sizeof(float);
    const int64_t blocks = (count + ROWS - 1) / ROWS;
    const double work = static_cast<double>(count) * nq * dim / WORTH_A_THREAD;
    const int threads = static_cast<int>(std::max(1.0, std::min<double>({work, static_cast<double>(omp_get_max_threads()), static_cast<double>(blocks)})));
    std::vector<std::vector<std::vector<Hit>>> parts(threads, std::vector<std::vector<Hit>>(nq));
#pragma omp parallel num_threads(threads)
    {
        const int own = omp_get_thread_num();
        const int64_t first = blocks * own / omp_get_num_threads(), last = blocks * (own + 1) / omp_get_num_threads();
        std::vector<float> scores(QUERIES * ROWS);
        std::vector<std::vector<Hit>>& heaps = parts[own];
        for (auto& heap : heaps) heap.reserve(k);
        for (size_t q0 = 0; q0 < nq; q0 += QUERIES) {
            const size_t qn = std::min(QUERIES, nq - q0);
            for (int64_t b = first; b < last; b++) {
                const int64_t start = b * ROWS, n = std::min(ROWS, count - start);
                similarities(queries + q0 * dim, qn, rows + start * stride, n, dim, scores.data());
                if (l2) for (float* score = scores.data(); score < scores.data() + qn * n; score++) *score = -*score;
                for (size_t q = 0; q < qn; q++) {
                    std::vector<Hit>& heap = heaps[q0 + q];
                    const float* found = scores.data() + q * n;
                    // Rows come in order: an equal score ranks behind those that are there.
                    if (heap.size() == k && !anyAbove(found, n, heap.front().score)) continue;
                    for (int64_t r = 0; r < n; r++) {
                        const Hit hit{found[r], start + r};
                        if (heap.size() < k) {
                            heap.push_back(hit);
                            std::push_heap(heap.begin(), heap.end(), before);
                        } else if (before(hit, heap.front())) {
                            std::pop_heap(heap.begin(), heap.end(), before);
                            heap.back() = hit;
                            std::push_heap(heap.begin(), heap.end(), before);
                        }
                    }
                }
            }
        }
    }
    for (size_t q = 0; q < nq; q++) {
        for (const auto& part : parts) best[q].insert(best[q].end(), part[q].begin(), part[q].end());
        std::sort(best[q].begin(), best[q].end(), before);
        if (best[q].size() > k) best[q].resize(k);
    }
    return best;
}

} // namespace s3

// What faiss-node's addon lacks, added to it when setup compiles it (scripts/setup/faiss.mjs): typed arrays instead of
// arrays of numbers, memory-mapped files, search-time parameters, every C++ exception as a JavaScript error.
#include <napi.h>

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <memory>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <faiss/AutoTune.h>
#include <faiss/Index.h>
#include <faiss/IndexIDMap.h>
#include <faiss/IndexIVF.h>
#include <faiss/IndexIVFPQ.h>
#include <faiss/IndexPQ.h>
#include <faiss/IndexPreTransform.h>
#include <faiss/IndexRefine.h>
#include <faiss/IndexReplicas.h>
#include <faiss/IndexShards.h>
#include <faiss/VectorTransform.h>
#include <faiss/impl/AuxIndexStructures.h>
#include <faiss/impl/io.h>
#include <faiss/index_factory.h>
#include <faiss/index_io.h>
#include <faiss/utils/distances.h>

#include "flat.h"

// HNSW, IVF and the training call these two for each pair. These definitions come before Debian's generic ones.
namespace faiss {
float fvec_inner_product(const float* x, const float* y, size_t d) {
    float out;
    s3::bestBlock(false)(x, 1, reinterpret_cast<const char*>(y), 1, d, &out);
    return out;
}
float fvec_L2sqr(const float* x, const float* y, size_t d) {
    float out;
    s3::bestBlock(true)(x, 1, reinterpret_cast<const char*>(y), 1, d, &out);
    return out;
}
} // namespace faiss

namespace s3 {

/// Runs `work` and turns what it throws into a JavaScript error.
template <typename Work>
Napi::Value guarded(const Napi::CallbackInfo& info, Work work) {
    try {
        return work();
    } catch (const Napi::Error&) {
        throw;
    } catch (const std::bad_alloc&) {
        throw Napi::Error::New(info.Env(), "out of memory");
    } catch (const std::exception& error) {
        throw Napi::Error::New(info.Env(), error.what());
    }
}

std::runtime_error systemError(const std::string& what, const std::string& path) {
    return std::runtime_error(what + " " + path + ": " + std::strerror(errno));
}

struct Vectors {
    const float* data;
    size_t count;
};

Vectors vectorsOf(const Napi::Value& value, size_t dim) {
    if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_float32_array) throw std::invalid_argument("vectors must be a Float32Array");
    const auto array = value.As<Napi::Float32Array>();
    if (dim == 0 || array.ElementLength() % dim != 0) throw std::invalid_argument(std::to_string(array.ElementLength()) + " numbers are no vectors of length " + std::to_string(dim));
    return {array.Data(), array.ElementLength() / dim};
}

/// {rows: Float64Array, scores: Float32Array}, both [queries, k]; row -1 where there is none.
struct Found {
    Napi::Float64Array rows;
    Napi::Float32Array scores;

    Found(Napi::Env env, size_t size) : rows(Napi::Float64Array::New(env, size)), scores(Napi::Float32Array::New(env, size)) {}

    Napi::Value value(Napi::Env env) const {
        auto object = Napi::Object::New(env);
        object.Set("rows", rows);
        object.Set("scores", scores);
        return object;
    }
};

/// Writes to a file and tells every failure; FAISS's own writer only prints those of closing.
struct FileWriter : faiss::IOWriter {
    FILE* file;

    explicit FileWriter(const std::string& path) : file(std::fopen(path.c_str(), "wb")) {
        name = path;
        if (file == nullptr) throw systemError("cannot write", path);
    }
    ~FileWriter() override {
        if (file != nullptr) std::fclose(file);
    }
    size_t operator()(const void* data, size_t size, size_t count) override {
        const size_t written = std::fwrite(data, size, count, file);
        if (written != count) throw systemError("cannot write", name);
        return written;
    }
    void finish() {
        const bool ok = std::fflush(file) == 0 && fsync(::fileno(file)) == 0;
        if (!ok) throw systemError("cannot write", name);
    }
};

/// A flat index: a file of FAISS's IndexFlat, memory-mapped as it is (row i is vector i).
class FlatFile : public Napi::ObjectWrap<FlatFile> {
public:
    static void Init(Napi::Env env, Napi::Object exports) {
        exports.Set("FlatFile", DefineClass(env, "FlatFile", {
            InstanceMethod("search", &FlatFile::search),
            InstanceMethod("vectors", &FlatFile::vectors),
            InstanceAccessor<&FlatFile::count>("count"),
            InstanceAccessor<&FlatFile::dim>("dim"),
            InstanceAccessor<&FlatFile::metric>("metric"),
        }));
    }

    /// (path, preload): preload reads the whole file at once, for one that fits into memory.
    explicit FlatFile(const Napi::CallbackInfo& info) : Napi::ObjectWrap<FlatFile>(info) {
        guarded(info, [&] {
            open(info[0].As<Napi::String>().Utf8Value(), info[1].ToBoolean().Value());
            return info.Env().Undefined();
        });
    }

    ~FlatFile() override {
        if (mapped_ != MAP_FAILED) munmap(mapped_, bytes_);
    }

private:
    void* mapped_ = MAP_FAILED;
    size_t bytes_ = 0;
    const char* rows_ = nullptr;
    int64_t count_ = 0;
    size_t dim_ = 0;
    bool l2_ = false;

    void open(const std::string& path, bool preload) {
        const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
        if (file < 0) throw systemError("cannot open", path);
        struct stat entry {};
        fstat(file, &entry);
        bytes_ = entry.st_size;
        if (bytes_ > 0) mapped_ = mmap(nullptr, bytes_, PROT_READ, MAP_SHARED | (preload ? MAP_POPULATE : 0), file, 0);
        ::close(file);
        if (bytes_ < 45) throw std::runtime_error("the file is too short for an index");
        if (mapped_ == MAP_FAILED) throw systemError("cannot map", path);
        parse();
    }

    /// FAISS's index_write.cpp: kind, d (int32), ntotal (int64), two unused (int64), is_trained (byte), metric (int32), size (uint64), vectors.
    void parse() {
        const char* at = static_cast<const char*>(mapped_);
        const std::string kind(at, 4);
        if (kind != "IxFI" && kind != "IxF2" && kind != "IxFl") throw std::runtime_error("the file is no flat index of FAISS");
        int32_t dim, metric;
        uint64_t size;
        std::memcpy(&dim, at + 4, 4);
        std::memcpy(&count_, at + 8, 8);
        std::memcpy(&metric, at + 33, 4);
        std::memcpy(&size, at + 37, 8);
        if (metric != faiss::METRIC_INNER_PRODUCT && metric != faiss::METRIC_L2) throw std::runtime_error("the index has an unknown metric");
        if (dim <= 0 || count_ < 0) throw std::runtime_error("the header of the index is damaged");
        dim_ = dim;
        l2_ = metric == faiss::METRIC_L2;
        const uint64_t numbers = (bytes_ - 45) / 4;
        if (static_cast<uint64_t>(count_) > numbers / dim_ || size != static_cast<uint64_t>(count_) * dim_) {
            throw std::runtime_error("the file is truncated: its header promises " + std::to_string(count_) + " vectors of length " + std::to_string(dim_) + ", it has room for " + std::to_string(numbers / dim_));
        }
        rows_ = at + 45;
    }

    Napi::Value search(const Napi::CallbackInfo& info) {
        return guarded(info, [&] {
            const Vectors queries = vectorsOf(info[0], dim_);
            const size_t k = info[1].As<Napi::Number>().Uint32Value();
            const auto best = searchFlat(rows_, count_, dim_, l2_, queries.data, queries.count, k);
            Found found(info.Env(), queries.count * k);
            for (size_t q = 0; q < queries.count; q++) {
                for (size_t i = 0; i < k; i++) {
                    const bool is = i < best[q].size();
                    found.rows[q * k + i] = is ? static_cast<double>(best[q][i].row) : -1;
                    found.scores[q * k + i] = is ? best[q][i].score : 0;
                }
            }
            return found.value(info.Env());
        });
    }

    /// (start, count): a copy of some vectors.
    Napi::Value vectors(const Napi::CallbackInfo& info) {
        return guarded(info, [&]() -> Napi::Value {
            const int64_t start = info[0].As<Napi::Number>().Int64Value(), n = info[1].As<Napi::Number>().Int64Value();
            if (start < 0 || n < 0 || start + n > count_) throw std::out_of_range("there are no such vectors");
            auto copy = Napi::Float32Array::New(info.Env(), n * dim_);
            std::memcpy(copy.Data(), rows_ + start * dim_ * sizeof(float), n * dim_ * sizeof(float));
            return copy;
        });
    }

    Napi::Value count(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), static_cast<double>(count_)); }
    Napi::Value dim(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), static_cast<double>(dim_)); }
    Napi::Value metric(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), l2_ ? "l2" : "inner-product"); }
};

/// Lets a training end early: FAISS asks between its iterations. The flag is that of the thread that trains.
struct Stop : faiss::InterruptCallback {
    static thread_local const int32_t* flag;

    bool want_interrupt() override { return flag != nullptr && __atomic_load_n(flag, __ATOMIC_RELAXED) != 0; }

    static void install() {
        const std::lock_guard<std::mutex> hold(faiss::InterruptCallback::lock);
        if (faiss::InterruptCallback::instance == nullptr) faiss::InterruptCallback::instance = std::make_unique<Stop>();
    }
};
thread_local const int32_t* Stop::flag = nullptr;

/// While an index is trained: it can be stopped, and only BLAS uses several threads. FAISS's own parallel loops are so
/// short there that on a busy machine threads wait for each other most of the time.
struct Training {
    const int threads = omp_get_max_threads();

    explicit Training(const int32_t* stop) {
        Stop::install();
        Stop::flag = stop;
        omp_set_num_threads(1);
    }
    ~Training() {
        Stop::flag = nullptr;
        omp_set_num_threads(threads);
    }
    Training(const Training&) = delete;
};

/// Leaves out of a training what costs minutes whatever the corpus. FAISS orders the codes of a product quantiser by
/// simulated annealing so that a search may filter by their Hamming distance, which ours does not; and it seeks a rotation
/// (OPQ) in 50 rounds over 65,536 vectors, where the first ten over a quarter of them bring most of the gain.
void trainPlainly(faiss::Index* index) {
    if (auto* chained = dynamic_cast<faiss::IndexPreTransform*>(index)) {
        for (faiss::VectorTransform* transform : chained->chain) {
            auto* rotation = dynamic_cast<faiss::OPQMatrix*>(transform);
            if (rotation == nullptr) continue;
            rotation->niter = 10;
            rotation->niter_pq_0 = 10;
            rotation->max_train_points = 16'384;
        }
        trainPlainly(chained->index);
    }
    if (auto* product = dynamic_cast<faiss::IndexPQ*>(index)) product->do_polysemous_training = false;
    if (auto* lists = dynamic_cast<faiss::IndexIVFPQ*>(index)) lists->do_polysemous_training = false;
}

/// The labels that a search can give: ids that were chosen when vectors were added, else 0 to ntotal - 1. They may be
/// hidden under any nesting of wrappers.
std::vector<faiss::idx_t> labelsOf(const faiss::Index* index) {
    if (const auto* chained = dynamic_cast<const faiss::IndexPreTransform*>(index)) return labelsOf(chained->index);
    if (const auto* refined = dynamic_cast<const faiss::IndexRefine*>(index)) return labelsOf(refined->base_index);
    std::vector<faiss::idx_t> labels;
    if (const auto* mapped = dynamic_cast<const faiss::IndexIDMap*>(index)) {
        for (const faiss::idx_t inner : labelsOf(mapped->index)) {
            const bool is = inner >= 0 && static_cast<size_t>(inner) < mapped->id_map.size();
            labels.push_back(is ? mapped->id_map[inner] : -1);
        }
        return labels;
    }
    if (const auto* lists = dynamic_cast<const faiss::IndexIVF*>(index)) {
        for (size_t list = 0; list < lists->nlist; list++) {
            faiss::InvertedLists::ScopedIds ids(lists->invlists, list);
            labels.insert(labels.end(), ids.get(), ids.get() + lists->invlists->list_size(list));
        }
        return labels;
    }
    if (dynamic_cast<const faiss::IndexShards*>(index) || dynamic_cast<const faiss::IndexReplicas*>(index)) throw std::runtime_error("an index of several indexes is not read here");
    labels.resize(index->ntotal);
    std::iota(labels.begin(), labels.end(), 0);
    return labels;
}

/// The first label that is no row, or is that of another vector too; nothing where each row has its vector.
std::optional<faiss::idx_t> findForeignLabel(const faiss::Index* index) {
    std::vector<bool> seen(index->ntotal);
    for (const faiss::idx_t label : labelsOf(index)) {
        if (label < 0 || label >= index->ntotal || seen[label]) return label;
        seen[label] = true;
    }
    return std::nullopt;
}

/// Any index of FAISS, by factory string or from a file.
class VectorIndex : public Napi::ObjectWrap<VectorIndex> {
public:
    static void Init(Napi::Env env, Napi::Object exports) {
        exports.Set("VectorIndex", DefineClass(env, "VectorIndex", {
            InstanceMethod("train", &VectorIndex::train),
            InstanceMethod("add", &VectorIndex::add),
            InstanceMethod("search", &VectorIndex::search),
            InstanceMethod("write", &VectorIndex::write),
            InstanceMethod("setParameter", &VectorIndex::setParameter),
            InstanceMethod("findForeignLabel", &VectorIndex::findForeignLabel),
            InstanceAccessor<&VectorIndex::count>("count"),
            InstanceAccessor<&VectorIndex::dim>("dim"),
            InstanceAccessor<&VectorIndex::isTrained>("isTrained"),
            InstanceAccessor<&VectorIndex::metric>("metric"),
        }));
    }

    /// (dim, factory string), scored by inner product; or (path, mapped).
    explicit VectorIndex(const Napi::CallbackInfo& info) : Napi::ObjectWrap<VectorIndex>(info) {
        guarded(info, [&] {
            if (info[0].IsString()) {
                const std::string path = info[0].As<Napi::String>().Utf8Value();
                index_.reset(faiss::read_index(path.c_str(), info[1].ToBoolean().Value() ? faiss::IO_FLAG_MMAP : 0));
                // Of another metric it would not be known whether more is better.
                if (index_->metric_type != faiss::METRIC_INNER_PRODUCT && index_->metric_type != faiss::METRIC_L2) throw std::runtime_error("it compares neither by inner product nor by L2 distance");
            } else {
                const int dim = info[0].As<Napi::Number>().Int32Value();
                index_.reset(faiss::index_factory(dim, info[1].As<Napi::String>().Utf8Value().c_str(), faiss::METRIC_INNER_PRODUCT));
                trainPlainly(index_.get());
            }
            return info.Env().Undefined();
        });
    }

private:
    std::unique_ptr<faiss::Index> index_;

    /// (vectors, stop): ends with an error soon after the first number of `stop` (Int32Array) has become other than 0.
    Napi::Value train(const Napi::CallbackInfo& info) {
        return guarded(info, [&] {
            const Vectors vectors = vectorsOf(info[0], index_->d);
            const Training training(info[1].As<Napi::Int32Array>().Data());
            index_->train(vectors.count, vectors.data);
            return info.Env().Undefined();
        });
    }

    Napi::Value add(const Napi::CallbackInfo& info) {
        return guarded(info, [&] {
            const Vectors vectors = vectorsOf(info[0], index_->d);
            index_->add(vectors.count, vectors.data);
            return info.Env().Undefined();
        });
    }

    Napi::Value search(const Napi::CallbackInfo& info) {
        return guarded(info, [&] {
            const Vectors queries = vectorsOf(info[0], index_->d);
            const size_t k = info[1].As<Napi::Number>().Uint32Value();
            const bool l2 = index_->metric_type == faiss::METRIC_L2;
            Found found(info.Env(), queries.count * k);
            std::vector<faiss::idx_t> labels(queries.count * k);
            index_->search(queries.count, queries.data, k, found.scores.Data(), labels.data());
            for (size_t i = 0; i < labels.size(); i++) {
                found.rows[i] = static_cast<double>(labels[i]);
                if (l2) found.scores[i] = -found.scores[i];
            }
            return found.value(info.Env());
        });
    }

    Napi::Value write(const Napi::CallbackInfo& info) {
        return guarded(info, [&] {
            FileWriter writer(info[0].As<Napi::String>().Utf8Value());
            faiss::write_index(index_.get(), &writer);
            writer.finish();
            return info.Env().Undefined();
        });
    }

    Napi::Value setParameter(const Napi::CallbackInfo& info) {
        return guarded(info, [&] {
            faiss::ParameterSpace().set_index_parameter(index_.get(), info[0].As<Napi::String>().Utf8Value(), info[1].As<Napi::Number>().DoubleValue());
            return info.Env().Undefined();
        });
    }

    Napi::Value findForeignLabel(const Napi::CallbackInfo& info) {
        return guarded(info, [&] {
            const auto label = s3::findForeignLabel(index_.get());
            return label ? Napi::Value(Napi::String::New(info.Env(), std::to_string(*label))) : info.Env().Null();
        });
    }

    Napi::Value count(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), static_cast<double>(index_->ntotal)); }
    Napi::Value dim(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), index_->d); }
    Napi::Value isTrained(const Napi::CallbackInfo& info) { return Napi::Boolean::New(info.Env(), index_->is_trained); }
    Napi::Value metric(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), index_->metric_type == faiss::METRIC_L2 ? "l2" : "inner-product"); }
};

} // namespace s3

/// Called by faiss-node's own Init.
void addExtension(Napi::Env env, Napi::Object exports) {
    s3::FlatFile::Init(env, exports);
    s3::VectorIndex::Init(env, exports);
}

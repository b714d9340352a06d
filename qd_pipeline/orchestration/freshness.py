"""Which stages of a partition have to be made again.

A stage is fresh while the recipe that made it is the one that would make it now; the first
one that is not takes those after it along.
"""

from qd_pipeline import catalog
from qd_pipeline.orchestration import recipes
from qd_pipeline.orchestration.assets.classifiers import ClassifierConfig
from qd_pipeline.orchestration.assets.raw_drawings import RawDrawingsConfig
from qd_pipeline.orchestration.partitions import CLASS_SETS
from qd_pipeline.orchestration.workshop import Workshop
from qd_pipeline.quickdraw.download import Fetched, is_current
from qd_pipeline.stages import CATEGORY_STAGES, CLASS_SET_STAGES


def stale_of_category(workshop: Workshop, key: str, config: RawDrawingsConfig) -> tuple[str, ...]:
    """Give the stages of a category that are not fresh; this asks the source.

    Raises:
        SourceFailed: The source does not answer.
    """
    store, source = workshop.store, workshop.source_for(config.drawings)
    wanted = config.wanted(source)
    if not store.is_fresh("raw_drawings", key, recipes.raw_drawings(source, wanted)):
        return CATEGORY_STAGES
    raw = store.read("raw_drawings", key)
    previous = Fetched.from_json(raw.facts["fetched"])
    category, limits = catalog.category_of(key), workshop.limits
    if not is_current(source, category, previous, drawings=wanted, limits=limits):
        return CATEGORY_STAGES
    if not store.is_fresh("strokes", key, recipes.strokes(raw)):
        return CATEGORY_STAGES[1:]
    if not store.is_fresh("bitmaps", key, recipes.bitmaps(store.read("strokes", key))):
        return CATEGORY_STAGES[2:]
    return ()


def stale_of_class_set(workshop: Workshop, key: str, config: ClassifierConfig) -> tuple[str, ...]:
    """Give the stages of a class set that are not fresh.

    Raises:
        BadSetting: The settings are not valid.
        MissingPartition: One of its categories is not in the store.
    """
    store, class_set = workshop.store, CLASS_SETS[key]
    inputs = [made for _, *pair in workshop.drawings_of(key) for made in pair]
    recipe = recipes.classifiers(config.settings(key, store), class_set, inputs)
    if not store.is_fresh("classifiers", key, recipe):
        return CLASS_SET_STAGES
    trained = store.read("classifiers", key)
    studied = workshop.study_of(key, inputs)
    if not store.is_fresh("evaluations", key, recipes.evaluations(trained, [*inputs, *studied])):
        return CLASS_SET_STAGES[1:]
    return ()

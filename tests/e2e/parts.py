"""The parts of `make e2e`, in the order in which they run."""

import broken_hops
import documents
import live
import story_access
import story_irsa

PARTS = {
    "ways": story_access.ways,
    "rights": story_access.rights,
    "life": story_access.life,
    "recreated": story_access.recreated,
    "merged": story_access.merged,
    "pipeline": story_access.pipeline,
    "pods": story_irsa.run,
    "tokens": story_irsa.tokens,
    "chained": story_irsa.chained,
    "live": live.run,
    "hops": broken_hops.run,
    "names": documents.names,
    "documents": documents.compare,
}

"""In each Python process of a test run on a mutant, one module has its changed source, in memory alone.

Python imports this module by itself at its start if its folder is on PYTHONPATH; ``run_mutants.py`` puts it there.
"""

import importlib.abc
import importlib.machinery
import json
import os
import sys

MODULE, OLD, NEW = json.loads(os.environ['MUTANT'])


class Changed(importlib.machinery.SourceFileLoader):
    def get_code(self, fullname):  # compiled anew: a cache has the code of the file
        source = self.get_data(self.path).decode()
        if source.count(OLD) != 1:
            raise ImportError(f'{self.path} has {source.count(OLD)} times: {OLD}')
        return self.source_to_code(source.replace(OLD, NEW), self.path)


class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, fullname, path, target=None):
        if fullname != MODULE:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        spec.loader = Changed(fullname, spec.origin)
        return spec


sys.meta_path.insert(0, Finder())

"""The configs beside the package are installed inside it, as its data; everything else stands in setup.cfg."""

from setuptools import find_packages, setup

setup(packages=[*find_packages(include=['toolbox*']), 'toolbox.configs'],
      package_dir={'toolbox.configs': 'configs'},
      package_data={'toolbox': ['py.typed', 'data/class_tables/*.txt', 'painting/page/*',
                                'serving/page/*'],
                    'toolbox.configs': ['**/*.py']})

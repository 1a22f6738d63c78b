"""Import paths of version 0.1.0 still work, and name the new ones."""

import importlib
import subprocess
import sys

import pytest
from tiny import ROOT

from toolbox.moved import MOVED

# From each old module (and package) something that users of 0.1.0 had from there.
OLD = {'rng': 'preserve_rng', 'noise': 'noise', 'data.seeding': 'SampleKey', 'conditions': 'LabelledVector',
       'norms.checks': 'require_image', 'norms.spectral': 'spectral_norm', 'backbones.init': 'init_weights',
       'backbones.attention': 'CAM', 'backbones.landmarks': 'LandmarkMasks', 'losses.image_pool': 'ImagePool',
       'inference': 'find_sources', 'sampling': 'Sampler', 'grids': 'domain_grid', 'restore': 'load_method',
       'weights': 'export_weights', 'padding': 'pad_to_multiple', 'report': 'write_report', 'trust': 'foreign_types',
       'metrics.readings': 'UGATITKID', 'engine.tensor_file': 'read_tensor_file', 'engine.work_dir': 'locked',
       'engine.checkpoint': 'unwrap', 'converters.files': 'load_state_dict', 'data.attributes': 'AttributeImages',
       'data.cifar': 'CIFAR10', 'data.classes': 'ClassFolders', 'data.datasets': 'ImageDataset',
       'data.domains': 'DomainFolders', 'data.folders': 'find_domains', 'data.idx': 'IdxImages',
       'data.pairs': 'find_pairs', 'data.synthetic': 'SyntheticUnpaired', 'data.toys': 'SyntheticToys',
       'data.download': 'download', 'data.prepare': 'prepare', 'data.published': 'PublishedSet'}
NAMES = [('losses', 'ImagePool'), ('backbones', 'init_weights'), ('backbones', 'LandmarkMasks'),
         ('backbones.dcgan', 'ConvNormLeaky'), ('backbones.resnet_gan', 'conv3'), ('norms', 'spectral_norm'),
         ('norms', 'raw_weight')]


@pytest.mark.parametrize('old', MOVED)
def test_an_old_module_gives_what_it_had_and_warns(old):
    sys.modules.pop(f'toolbox.{old}', None)
    with pytest.warns(DeprecationWarning, match=rf'toolbox\.{old} has moved to toolbox\.{MOVED[old][0]}'):
        module = importlib.import_module(f'toolbox.{old}')
    found = getattr(module, OLD[old])
    places = [importlib.import_module(f'toolbox.{place}') for place in MOVED[old]]
    assert found is next(getattr(place, OLD[old]) for place in places if hasattr(place, OLD[old]))
    assert not (ROOT / 'toolbox' / old.replace('.', '/')).with_suffix('.py').exists()
    with pytest.raises(AttributeError, match='no attribute'):
        _ = module.nothing_of_this_name


@pytest.mark.parametrize(('package', 'name'), NAMES)
def test_a_name_that_left_its_package_is_found_with_a_warning(package, name):
    module = importlib.import_module(f'toolbox.{package}')
    with pytest.warns(DeprecationWarning, match=rf'toolbox\.{package}\.{name} has moved to'):
        assert getattr(module, name).__name__ == name
    with pytest.raises(AttributeError, match='no attribute'):
        _ = module.nothing_of_this_name


def test_old_paths_need_no_torch_until_they_are_used():
    code = 'import sys, toolbox; assert "torch" not in sys.modules'
    subprocess.run([sys.executable, '-c', code], cwd=ROOT, check=True)

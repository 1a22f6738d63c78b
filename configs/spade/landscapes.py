# Park et al., SPADE, CVPR 2019: landscapes from Flickr with the labels that DeepLabV2 gives them, 256x256.
# python tools/train.py configs/spade/landscapes.py   (the authors' photographs are not published)
# Time: 50 epochs of 41,000 images, batch 32. Metric: none published; the paper asks people.
_base_ = ['../_base_/models/spade.py', '../_base_/datasets/semantic_256.py', '../_base_/schedules/constant_100e.py']

data_root = 'data/landscapes'
train_dataloader = dict(dataset=dict(classes='coco_stuff', instances=False))
train_cfg = dict(max_epochs=50)

"""What the gallery says and shows of every synthetic config, and what the README's picture shows."""

from __future__ import annotations

# config: (title, page, what its picture shows, key of the input ('' for noise), key of the output)
TEXTS = {
    'cyclegan/synthetic': ('CycleGAN', 'cyclegan.md',
        'Plain animals become striped ones and back, learnt without a pair: input, translation, true answer, '
        'and the way back, for both directions.',
        'A', 'fake_B'),
    'ugatit/synthetic': ('U-GAT-IT', 'ugatit.md',
        'Discs become stars, a change of shape, and back; the heat maps show where the attention of the '
        'network is.',
        'A', 'fake_B'),
    'aggan/synthetic': ('AGGAN', 'aggan.md',
        'Plain animals become striped ones; an attention map chooses what is changed, and the meadow stays.',
        'A', 'fake_B'),
    'unit/synthetic': ('UNIT', 'unit.md',
        'Flat blobs become striped ones with one answer for each: translation, reconstruction, and the way '
        'back.',
        'A', 'fake_B'),
    'munit/synthetic': ('MUNIT', 'munit.md',
        'Flat blobs become striped ones in random styles, and in the style of an example.',
        'A', 'fake_B'),
    'drit/synthetic': ('DRIT++', 'drit.md',
        'Gray blobs become striped ones with random attributes, and with the attribute of an example.',
        'A', 'fake_B'),
    'stargan/synthetic': ('StarGAN', 'stargan.md',
        'One generator changes the hue, the stripes and the outline of toys, as its labels ask.',
        'img', 'fake_blue'),
    'starganv2/synthetic': ('StarGAN v2', 'starganv2.md',
        'Toys become plain, striped or outlined, in random styles and in the style of a reference.',
        'img', 'fake_striped'),
    'pix2pix/synthetic': ('Pix2Pix', 'pix2pix.md',
        'Label maps of houses become pictures, beside the picture that was drawn for them.',
        'A', 'fake_B'),
    'pix2pix/synthetic_colorization': ('Colourisation', 'colorization.md',
        'The lightness of a drawn scene gets its colours back, beside the original.',
        'gray', 'fake'),
    'pix2pixhd/synthetic': ('Pix2PixHD', 'pix2pixhd.md',
        'Maps of classes and objects become pictures, also with the looks of the objects in the photograph.',
        'label_map', 'fake'),
    'spade/synthetic': ('SPADE (GauGAN)', 'spade.md',
        'Maps of classes become pictures, beside the one that was drawn for them.',
        'label_map', 'fake'),
    'spade/synthetic_vae': ('SPADE with an encoder', 'spade.md',
        'Maps of classes become pictures, also in the style of the photograph.',
        'label_map', 'restyled'),
    'pix2pixhdpp/synthetic': ('Pix2PixHD++', 'spade.md',
        "The maps of SPADE's picture through the network that it was compared with.",
        'label_map', 'fake'),
    'inpainting/synthetic': ('Inpainting', 'inpainting.md',
        'Holes in landscapes are filled, beside the original.',
        'masked', 'fake'),
    'srgan/synthetic': ('SRGAN', 'srgan.md',
        '16x16 pixels become 64x64, beside bicubic interpolation and the original.',
        'LR', 'fake'),
    'esrgan/synthetic': ('ESRGAN', 'srgan.md',
        'The same with residual-in-residual dense blocks.',
        'LR', 'fake'),
    'singan/synthetic': ('SinGAN', 'singan.md',
        'Random samples and a reconstruction by a network that has seen one image only.',
        'img', 'fake'),
    'gan/synthetic': ('GAN', 'gan.md',
        'Fully connected layers draw shapes from noise, beside shapes of the data set.',
        '', 'fake'),
    'dcgan/synthetic': ('DCGAN', 'gan.md',
        'Convolutions draw shapes from noise.',
        '', 'fake'),
    'cgan/synthetic': ('CGAN', 'gan.md',
        'Shapes from noise, of the class of the shape beside them.',
        '', 'fake'),
    'wgan/synthetic': ('WGAN', 'wgan.md',
        'Shapes from noise, with a critic whose weights are clipped.',
        '', 'fake'),
    'wgan_gp/synthetic': ('WGAN-GP', 'wgan.md',
        'Shapes from noise, with a critic under a gradient penalty.',
        '', 'fake'),
    'autoencoder/synthetic': ('Autoencoder', 'autoencoder.md',
        'Shapes through a code of some numbers and back.',
        'img', 'rec'),
    'vae/synthetic': ('VAE', 'autoencoder.md',
        'Shapes through a code and back, and new ones from noise.',
        'img', 'rec'),
}
NO_ROW = ('spade/synthetic_vae', 'autoencoder/synthetic')  # in the README's table of systems
# A row of the README's picture: name, config, key of the input, key of the output.
FAMILIES = [
    ('without pairs', 'cyclegan/synthetic', 'A', 'fake_B'),
    ('another shape', 'ugatit/synthetic', 'A', 'fake_B'),
    ('many styles', 'munit/synthetic', 'A', 'guided_B'),
    ('many domains', 'stargan/synthetic', 'img', 'fake_blue'),
    ('with pairs', 'pix2pix/synthetic', 'A', 'fake_B'),
    ('label maps', 'spade/synthetic', 'label_map', 'fake'),
    ('colours', 'pix2pix/synthetic_colorization', 'gray', 'fake'),
    ('holes', 'inpainting/synthetic', 'masked', 'fake'),
    ('more pixels', 'srgan/synthetic', 'LR', 'fake'),
    ('one image', 'singan/synthetic', 'img', 'fake'),
    ('from noise', 'wgan_gp/synthetic', '', 'fake'),
]
OF_README = '''
## The picture of the README

![input and output of one system of each family](images/gallery/families.jpg)

`make gallery` draws it from those of these trainings that had at least a fifth of their length: pairs of input and
output, from noise the output alone.
'''
